import { defineConfig } from 'vite';

// Where atolld listens while `npm run dev` serves the pages: ATOLL_URL=http://127.0.0.1:8080 npm run dev
const server = process.env['ATOLL_URL'] ?? 'http://127.0.0.1:8080';

export default defineConfig({
	base: '/console/',
	esbuild: { jsx: 'automatic', jsxImportSource: 'preact' },
	build: {
		target: 'es2022',
		// No data: addresses for scripts or fonts, no helper that the policy would have to allow.
		assetsInlineLimit: 0,
		modulePreload: { polyfill: false },
		// What depends on few of our own bytes keeps its name, and its place in the browsers' caches, when we change.
		chunkSizeWarningLimit: 1000,
	},
	server: { proxy: { '/v1': server, '/v2': server, '/v3': server, '/db': server, '/health': server } },
});
