// The earth with the locations on it. Every location is a small dot that can be clicked; those with instances are larger, the
// primary has a ring, and a line leads from it to each replica.
import { geoNaturalEarth1, geoPath, type GeoPermissibleObjects } from 'd3-geo';
import { useMemo } from 'preact/hooks';
import { feature, mesh } from 'topojson-client';
import type { GeometryCollection, Topology } from 'topojson-specification';
import atlas from 'world-atlas/countries-110m.json';
import { formatDuration, plural } from '../format';
import type { LiveInstance, Place } from '../types';

const WIDTH = 960;
const HEIGHT = 440;

const topology = atlas as unknown as Topology<{ countries: GeometryCollection; land: GeometryCollection }>;
const land: GeoPermissibleObjects = feature(topology, topology.objects.land);
const borders: GeoPermissibleObjects = mesh(topology, topology.objects.countries, (a, b) => a !== b);
// Where locations are: without the Antarctic.
const shown: GeoPermissibleObjects = {
	type: 'MultiPoint',
	coordinates: [
		[-168, 0],
		[179, 0],
		[0, 78],
		[0, -56],
	],
};
const projection = geoNaturalEarth1().precision(0.1).fitExtent(
	[
		[4, 4],
		[WIDTH - 4, HEIGHT - 4],
	],
	shown,
);
const draw = geoPath(projection).digits(1);
const landPath = draw(land) ?? '';
const borderPath = draw(borders) ?? '';

// Where a location that is nowhere in particular is drawn: in the South Pacific.
const NOWHERE: readonly [number, number] = [-132, -38];

const coordinatesOf = (place: Place): [number, number] =>
	place.longitude === null || place.latitude === null ? [...NOWHERE] : [place.longitude, place.latitude];

interface Spot {
	place: Place;
	x: number;
	y: number;
	instances: LiveInstance[];
}

function spotsOf(places: readonly Place[], instances: readonly LiveInstance[]): Spot[] {
	const known = [...places];
	// A location that is served no more may still have instances.
	for (const { region } of instances)
		if (!known.some(({ code }) => code === region)) known.push({ code: region, name: region, latitude: null, longitude: null });
	return known.map((place) => {
		const [x, y] = projection(coordinatesOf(place)) ?? [0, 0];
		return { place, x, y, instances: instances.filter(({ region }) => region === place.code) };
	});
}

const isPrimary = (spot: Spot): boolean => spot.instances.some(({ type }) => type === 'primary');

function stateOf(spot: Spot): string {
	if (spot.instances.length === 0) return 'free';
	if (spot.instances.some(({ state }) => state === 'failed')) return 'failed';
	if (spot.instances.some(({ state }) => state === 'creating')) return 'creating';
	if (isPrimary(spot)) return 'primary';
	return spot.instances.some(({ lag_frames }) => lag_frames > 0) ? 'behind' : 'ready';
}

function noteOf(spot: Spot): string {
	const replica = spot.instances.reduce<LiveInstance | undefined>((most, each) => (!most || each.lag_frames > most.lag_frames ? each : most), undefined);
	if (!replica) return '';
	if (replica.state !== 'ready') return replica.state;
	if (isPrimary(spot)) return 'primary';
	return replica.lag_frames === 0 ? 'caught up' : `${plural(replica.lag_frames, 'frame')} · ${formatDuration(replica.lag_ms)}`;
}

function Line({ from, to }: { from: Spot; to: Spot }) {
	const path = draw({ type: 'LineString', coordinates: [coordinatesOf(from.place), coordinatesOf(to.place)] }) ?? '';
	return <path d={path} class={`map-line ${stateOf(to)}`} />;
}

function Dot({ spot, onChoose }: { spot: Spot; onChoose: (place: Place) => void }) {
	const state = stateOf(spot);
	const large = spot.instances.length > 0;
	const left = spot.x > WIDTH - 130;
	return (
		<g class={`map-dot ${state}`} data-location={spot.place.code} transform={`translate(${spot.x.toFixed(1)} ${spot.y.toFixed(1)})`} onClick={() => onChoose(spot.place)}>
			<title>
				{spot.place.name} ({spot.place.code}){large ? `: ${noteOf(spot)}` : ''}
			</title>
			<circle r={large ? 13 : 7} class="map-reach" />
			{state === 'primary' && <circle r={9.5} class="map-ring" />}
			{state === 'creating' && <circle r={8} class="map-pulse" />}
			<circle r={large ? 5 : 2.6} class="map-point" />
			{large && (
				<text x={left ? -13 : 13} y={1} text-anchor={left ? 'end' : 'start'} class="map-label">
					<tspan class="map-code">{spot.place.code}</tspan>
					<tspan x={left ? -13 : 13} dy={12} class="map-note">
						{noteOf(spot)}
					</tspan>
				</text>
			)}
		</g>
	);
}

/// What the map says, for those who do not see it.
function describe(spots: readonly Spot[]): string {
	const said = spots.filter(({ instances }) => instances.length > 0).map((spot) => `${spot.place.name}: ${noteOf(spot)}`);
	return said.length > 0 ? `World map with instances in ${said.join('; ')}` : 'World map without instances';
}

interface WorldMapProps {
	places: readonly Place[];
	instances: readonly LiveInstance[];
	onChoose: (place: Place) => void;
}

/// For pointers; whoever has none chooses in the list beside it.
export function WorldMap({ places, instances, onChoose }: WorldMapProps) {
	const spots = useMemo(() => spotsOf(places, instances), [places, instances]);
	const primary = spots.find(isPrimary);
	const taken = spots.filter((spot) => spot.instances.length > 0);
	const free = spots.filter((spot) => spot.instances.length === 0);
	return (
		<svg class="world-map" viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={describe(spots)}>
			<path d={landPath} class="map-land" />
			<path d={borderPath} class="map-border" />
			{primary && taken.filter((spot) => spot !== primary).map((spot) => <Line key={spot.place.code} from={primary} to={spot} />)}
			{free.map((spot) => (
				<Dot key={spot.place.code} spot={spot} onChoose={onChoose} />
			))}
			{taken.map((spot) => (
				<Dot key={spot.place.code} spot={spot} onChoose={onChoose} />
			))}
		</svg>
	);
}
