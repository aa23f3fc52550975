// Writes src/api/schema.d.ts from the document of the binary under test, so that the types are never older than the API.
import { execFileSync } from 'node:child_process';
import { existsSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import openapi, { astToString } from 'openapi-typescript';

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const berth = process.env.BERTH_BIN ?? here('../../../../target/debug/berth');
if (!existsSync(berth)) {
  throw new Error(`there is no ${berth}: build it (cargo build --workspace), or name another in BERTH_BIN`);
}
const document = JSON.parse(execFileSync(berth, ['openapi'], { encoding: 'utf8', maxBuffer: 64 << 20 }));
writeFileSync(here('../src/api/schema.d.ts'), astToString(await openapi(document, { alphabetize: true })));
