// What the Platform API answers, as far as the console reads it; the whole is in /docs.
export interface User {
	username: string;
	name: string;
	email: string;
}

export interface Organization {
	id: string;
	name: string;
	slug: string;
	type: string;
}

export interface Database {
	Name: string;
	DbId: string;
	Hostname: string;
	regions: string[];
	primaryRegion: string;
	group: string;
	archived: boolean;
	block_reads: boolean;
	block_writes: boolean;
	delete_protection: boolean;
	allow_attach: boolean;
	parent: { id: string; name: string; branched_at: string } | null;
}

export interface Instance {
	uuid: string;
	name: string;
	type: 'primary' | 'replica';
	region: string;
	hostname: string;
}

export interface Place {
	code: string;
	name: string;
	latitude: number | null; // null: nowhere in particular
	longitude: number | null;
}

export type InstanceState = 'creating' | 'ready' | 'failed';

/// An instance as /live tells it.
export interface LiveInstance extends Instance {
	state: InstanceState;
	frame_no: number;
	lag_frames: number;
	lag_ms: number;
	failure: string;
	storage_bytes: number;
}

export interface LiveDatabase {

	instances: LiveInstance[];
	usage: { rows_read: number; rows_written: number; bytes_synced: number };
	history: { bytes: number; oldest: string | null };
}
