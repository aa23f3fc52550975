/** A step of a build as a line of a Dockerfile. */
export interface Instruction {
  /** `RUN`, `COPY`, ...; empty when the builder wrote something else. */
  keyword: string;
  /** What follows it. */
  text: string;
}

const KEYWORDS = /^(ADD|ARG|CMD|COPY|ENTRYPOINT|ENV|EXPOSE|FROM|HEALTHCHECK|LABEL|MAINTAINER|ONBUILD|RUN|SHELL|STOPSIGNAL|USER|VOLUME|WORKDIR)\s+([\s\S]*)$/;

/** Makes a line of a Dockerfile of what builders write into the history of an image. */
export function instruction(createdBy: string): Instruction {
  const line = createdBy.trim().replace(/\s+# buildkit$/, '');
  // The classic builder marks what runs nothing, and leaves `RUN` away from what does.
  const quiet = /^(?:\/bin\/sh -c|cmd \/S \/C) #\(nop\)\s+([\s\S]*)$/.exec(line);
  if (quiet?.[1] !== undefined) return named(quiet[1].trim());
  const run = shellCommand(line);
  if (run !== undefined) return { keyword: 'RUN', text: broken(run) };
  return named(line);
}

function named(line: string): Instruction {
  const found = KEYWORDS.exec(line);
  if (found?.[1] === undefined || found[2] === undefined) return { keyword: '', text: line };
  const [, keyword, rest] = found;
  if (keyword === 'RUN') return { keyword, text: broken(shellCommand(rest) ?? rest) };
  return { keyword, text: tidied(keyword, rest) };
}

/** The command of `/bin/sh -c ...`, without the arguments of the build (`|2 A=b C=d`) in front of it. */
function shellCommand(line: string): string | undefined {
  const found = /^(?:\|\d+ [\s\S]*? )?\/bin\/(?:ba|a)?sh (?:-o \w+ )*-c ([\s\S]*)$/.exec(line);
  return found?.[1];
}

function tidied(keyword: string, text: string): string {
  if (keyword === 'EXPOSE') return text.replace(/^map\[(.*)\]$/, '$1').replaceAll(/:\{\}/g, '').trim();
  if (keyword === 'VOLUME' || keyword === 'MAINTAINER') return text.replace(/^\[([^"]*)\]$/, '$1');
  if (keyword === 'ADD' || keyword === 'COPY') return text.replace(/^(?:file|dir|multi):([0-9a-f]{12})[0-9a-f]+ in /, '$1… ').trim();
  return text;
}

/** A command over several lines, where its writer broke it or where another command begins. */
function broken(command: string): string {
  return command
    .trim()
    .replaceAll(/\s*\\\n\s*/g, '\n')
    // The classic builder keeps the tabs of lines that it joined; only where a command ends they help a reader.
    .replaceAll(/;\s*\t\s*/g, ';\n')
    .replaceAll(/\s*\t\s*/g, ' ')
    .replaceAll(/\s+&&\s+/g, '\n&& ')
    .split('\n')
    .filter((line) => line.trim() !== '')
    .map((line, index) => (index === 0 ? line : `    ${line}`))
    .join(' \\\n');
}

/** All steps as a text to read, oldest first. */
export function dockerfile(steps: Instruction[]): string {
  return `${steps.map(({ keyword, text }) => (keyword === '' ? `# ${text.replaceAll('\n', '\n# ')}` : `${keyword} ${text}`)).join('\n')}\n`;
}
