// Bars over time, drawn on a canvas in the page's colours.
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';
import { formatCompact } from '../format';
import { useStore } from '../store';
import { theme } from '../theme';

export interface Series {
	label: string;
	values: readonly number[];
	/// Name of a colour: "--accent".
	colour: string;
}

interface ChartProps {
	label: string;
	/// Beginnings of the bars, in milliseconds.
	times: readonly number[];
	series: readonly Series[];
	format?: (value: number) => string;
}

const HEIGHT = 200;

function colourOf(name: string): string {
	return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

const moments = new Intl.DateTimeFormat(undefined, { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' });

function optionsOf(width: number, series: readonly Series[], format: (value: number) => string, point: (text: string) => void): uPlot.Options {
	// What the pointer is at.
	const tell = (plot: uPlot) => {
		const i = plot.cursor.idx;
		const time = i == null ? undefined : plot.data[0][i];
		point(i == null || time === undefined ? '' : `${moments.format(time * 1000)}: ${series.map(({ values }) => format(values[i] ?? 0)).join(', ')}`);
	};
	const axis: uPlot.Axis = {
		stroke: colourOf('--muted'),
		grid: { stroke: colourOf('--line'), width: 1 },
		ticks: { show: false },
		font: '12px system-ui, sans-serif',
	};
	const bars = uPlot.paths.bars?.({ size: [0.7, 60], radius: 0.15 });
	return {
		width,
		height: HEIGHT,
		legend: { show: false },
		hooks: { setCursor: [tell] },
		cursor: { y: false },
		scales: { y: { range: (_, __, most) => [0, Math.max(10, most * 1.08)] } },
		axes: [axis, { ...axis, size: 64, values: (_, ticks) => ticks.map(format) }],
		series: [
			{},
			...series.map(({ label, colour }) => ({
				label,
				stroke: colourOf(colour),
				fill: colourOf(colour),
				width: 0,
				...(bars ? { paths: bars } : {}),
				points: { show: false },
			})),
		],
	};
}

/// What the chart says, for those who do not see it.
function describe(label: string, series: readonly Series[], format: (value: number) => string): string {
	const said = series.map(({ label: name, values }) => `${name}: ${format(values.reduce((sum, value) => sum + value, 0))} in all, ${format(Math.max(0, ...values))} at most`);
	return `${label}. ${said.join('; ')}`;
}

export function Chart({ label, times, series, format = formatCompact }: ChartProps) {
	const host = useRef<HTMLDivElement>(null);
	const [pointed, setPointed] = useState('');
	const chosen = useStore(theme);
	useEffect(() => {
		const element = host.current;
		if (!element) return undefined;
		const data: uPlot.AlignedData = [times.map((ms) => ms / 1000), ...series.map(({ values }) => [...values])];
		let plot: uPlot | null = null;
		const render = () => {
			plot?.destroy();
			plot = new uPlot(optionsOf(element.clientWidth, series, format, setPointed), data, element);
		};
		render();
		const system = matchMedia('(prefers-color-scheme: dark)');
		system.addEventListener('change', render);
		const size = new ResizeObserver(() => plot?.setSize({ width: element.clientWidth, height: HEIGHT }));
		size.observe(element);
		return () => {
			size.disconnect();
			system.removeEventListener('change', render);
			plot?.destroy();
		};
	}, [times, series, format, chosen]);
	return (
		<>
			<div ref={host} class="chart" role="img" aria-label={describe(label, series, format)} />
			<p class="chart-pointed" aria-hidden="true">
				{pointed || '\u00a0'}
			</p>
		</>
	);
}
