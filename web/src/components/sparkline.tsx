// A line of the latest values, without axes: whether it moves is what counts.
const WIDTH = 96;
const HEIGHT = 22;

export function Sparkline({ values, label }: { values: readonly number[]; label: string }) {
	const most = Math.max(1, ...values);
	const step = WIDTH / Math.max(1, values.length - 1);
	const points = values.map((value, i) => `${(i * step).toFixed(1)},${(HEIGHT - 2 - (value / most) * (HEIGHT - 4)).toFixed(1)}`).join(' ');
	return (
		<svg class="sparkline" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} width={WIDTH} height={HEIGHT} role="img" aria-label={label}>
			<polyline points={points} />
		</svg>
	);
}
