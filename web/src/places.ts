// The locations in which instances can be made, with where they are on the earth.
import { get, path } from './api';
import { type Loaded, useLoad } from './load';
import type { Place } from './types';

export function usePlaces(org: string): Loaded<Place[]> {
	return useLoad(`places ${org}`, async (signal) => {
		const { locations } = await get<{ locations: Place[] }>(path`/v1/organizations/${org}/locations`, undefined, signal);
		return locations;
	});
}
