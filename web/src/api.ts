// The one way to the server: puts the token into the header and turns refusals into ApiError.
import { lostConnection } from './connection';
import { endSession, token } from './session';

export class ApiError extends Error {
	constructor(
		readonly status: number, // 0: the server was not reached
		readonly code: string,
		message: string,
	) {
		super(message);
		this.name = 'ApiError';
	}
}

export interface CallOptions {
	method?: 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';
	body?: unknown; // sent as JSON
	query?: Record<string, string | number | undefined>;
	signal?: AbortSignal;
	/// Instead of the session's token; null sends none.
	bearer?: string | null;
	accept?: string;
	/// Statuses that are answers, too.
	accepts?: readonly number[];
	/// A 401 is about what was asked for, not about the token.
	keepsSession?: boolean;
}

/// A path of quoted segments: path`/v1/organizations/${org}/databases/${db}`
export function path(texts: TemplateStringsArray, ...segments: string[]): string {
	return texts.reduce((all, text, i) => all + encodeURIComponent(segments[i - 1] ?? '') + text);
}

export function isAbort(error: unknown): boolean {
	return error instanceof DOMException && error.name === 'AbortError';
}

export function messageOf(error: unknown): string {
	return error instanceof Error ? error.message : String(error);
}

function addressOf(where: string, query: CallOptions['query']): string {
	const known = Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== '');
	if (known.length === 0) return where;
	return `${where}?${new URLSearchParams(known.map(([name, value]) => [name, String(value)]))}`;
}

async function refusalOf(response: Response): Promise<ApiError> {
	let message = `the server answered with status ${response.status}`;
	let code = '';
	try {
		const told: unknown = await response.json();
		if (told && typeof told === 'object') {
			const { error, message: text, code: name } = told as Record<string, unknown>;
			if (typeof error === 'string') message = error;
			else if (typeof text === 'string') message = text;
			if (typeof name === 'string') code = name;
		}
	} catch {
		// not JSON: the status has to do
	}
	return new ApiError(response.status, code, message);
}

/// The response itself, its status a good one; for streams and files.
export async function open(where: string, options: CallOptions = {}): Promise<Response> {
	const { method = 'GET', body, query, signal, bearer = token.value, accept, accepts = [], keepsSession = false } = options;
	const headers = new Headers();
	if (bearer) headers.set('Authorization', `Bearer ${bearer}`);
	if (accept) headers.set('Accept', accept);
	if (body !== undefined) headers.set('Content-Type', 'application/json');
	let response: Response;
	try {
		response = await fetch(addressOf(where, query), {
			method,
			headers,
			cache: 'no-store',
			credentials: 'omit',
			...(body === undefined ? {} : { body: JSON.stringify(body) }),
			...(signal ? { signal } : {}),
		});
	} catch (error) {
		if (isAbort(error)) throw error;
		void lostConnection();
		throw new ApiError(0, 'unreachable', 'the server cannot be reached');
	}
	if (response.ok || accepts.includes(response.status)) return response;
	const refusal = await refusalOf(response);
	if (refusal.status === 401 && !keepsSession && bearer && bearer === token.value) endSession(refusal.message);
	throw refusal;
}

/// The answer's JSON.
export async function call<T>(where: string, options: CallOptions = {}): Promise<T> {
	const response = await open(where, options);
	const text = await response.text();
	return (text ? JSON.parse(text) : {}) as T;
}

export const get = <T>(where: string, query?: CallOptions['query'], signal?: AbortSignal): Promise<T> =>
	call<T>(where, { ...(query ? { query } : {}), ...(signal ? { signal } : {}) });
export const post = <T>(where: string, body?: unknown): Promise<T> => call<T>(where, { method: 'POST', body });
export const patch = <T>(where: string, body?: unknown): Promise<T> => call<T>(where, { method: 'PATCH', body });
export const remove = <T>(where: string): Promise<T> => call<T>(where, { method: 'DELETE' });
