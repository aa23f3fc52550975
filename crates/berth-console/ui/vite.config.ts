import react from '@vitejs/plugin-react';
import { readFile, writeFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import { brotliCompress, constants, gzip } from 'node:zlib';
import { defineConfig, type Plugin } from 'vite';

/** Beside each text that is worth it, what clients that accept brotli or gzip get: made once here, never while serving. */
function compressed(): Plugin {
  return {
    name: 'compressed',
    apply: 'build',
    // When everything is written: what the build puts into the chunks at the very end is in them.
    async writeBundle({ dir }, bundle) {
      const texts = Object.keys(bundle).filter((name) => /\.(js|css)$/.test(name));
      await Promise.all(
        texts.map(async (name) => {
          const path = `${dir}/${name}`;
          const source = await readFile(path);
          if (source.length < 1024) return;
          const quality = { params: { [constants.BROTLI_PARAM_QUALITY]: 11 } };
          await writeFile(`${path}.br`, await promisify(brotliCompress)(source, quality));
          await writeFile(`${path}.gz`, await promisify(gzip)(source, { level: 9 }));
        }),
      );
    },
  };
}

/** `npm run dev` fills what the server fills otherwise. */
function placeholders(): Plugin {
  return {
    name: 'placeholders',
    apply: 'serve',
    transformIndexHtml: (html) => html.replace('{base}', '').replace('{nonce}', ''),
  };
}

const api = process.env['BERTH_URL'] ?? 'http://127.0.0.1:5000';

export default defineConfig({
  // Relative, so that one build works under any path; the server puts the path into index.html.
  base: './',
  plugins: [react(), compressed(), placeholders()],
  build: { target: 'es2022', modulePreload: { polyfill: false }, chunkSizeWarningLimit: 1024 },
  server: { proxy: { '/v2': api, '/v3': api, '/v3.0': api, '/openapi.json': api, '/readyz': api } },
  test: { include: ['src/**/*.test.ts', 'src/**/*.test.tsx'], environment: 'happy-dom' },
} as Parameters<typeof defineConfig>[0]);
