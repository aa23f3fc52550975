import { count } from '../../app/format';
import { defineTexts } from '../../app/texts';

const english = {
  title: 'Compare',
  images: 'My images',
  intro: 'What the second version has that the first has not, and the other way round.',
  first: 'First',
  second: 'Second',
  swap: 'Swap',
  platform: 'Platform',
  choose: 'Choose two versions to compare',
  chooseHelp: 'Pick a tag in each of the two fields above.',
  same: 'Both name the same image',
  sameHelp: 'Nothing differs between them.',
  noTag: 'No tag matches',
  bigger: (size: string) => `${size} larger`,
  smaller: (size: string) => `${size} smaller`,
  alike: 'same size',
  noImage: 'There is nothing to compare for this platform',
  layersInCommon: (n: number, size: string) => `${n} ${n === 1 ? 'layer' : 'layers'} in common (${size})`,
  layersOnly: (n: number, size: string) => `${n} of its own (${size})`,
  strip: (name: string, layers: number) => `Layers of ${name}: ${layers}. Pale ones are in both.`,
  view: { label: 'What differs', overview: 'Overview', files: 'Files', packages: 'Packages' },
  config: {
    title: 'Configuration',
    none: 'The configurations say the same.',
    field: 'Setting',
    before: 'First',
    after: 'Second',
    names: {
      os: 'Operating system',
      architecture: 'Architecture',
      variant: 'Variant',
      created: 'Built',
      author: 'Author',
      user: 'User',
      working_dir: 'Working folder',
      stop_signal: 'Stop signal',
      entrypoint: 'Entry point',
      cmd: 'Command',
      env: 'Variable',
      exposed_ports: 'Port',
      volumes: 'Volume',
      labels: 'Label',
    } as Record<string, string>,
    unset: 'not set',
    set: 'set',
  },
  history: {
    title: 'Layers and build steps',
    none: 'Neither image tells how it was built.',
    step: 'Step',
    size: 'Size',
    side: 'Where',
    layer: 'Layer',
    unknown: 'No instruction is known',
  },
  side: { both: 'Both', first: 'First only', second: 'Second only' },
  change: { all: 'All changes', added: 'Added', removed: 'Removed', changed: 'Changed' },
  files: {
    label: 'Files that differ',
    search: 'Search files',
    none: 'The files are the same',
    noneHelp: 'Bytes, owners and permissions of all files are alike. Times are not compared.',
    column: { path: 'Path', change: 'Change', before: 'First', after: 'Second', difference: 'Difference' },
    added: (n: number, size: string) => `${count(n)} added (${size})`,
    removed: (n: number, size: string) => `${count(n)} removed (${size})`,
    changed: (n: number, size: string) => `${count(n)} changed (${size})`,
    attributes: 'permissions or owner',
  },
  packages: {
    label: 'Packages that differ',
    same: (n: number) => (n === 1 ? '1 package is the same in both' : `${count(n)} packages are the same in both`),
    none: 'The packages are the same',
    column: { name: 'Name', change: 'Change', before: 'First', after: 'Second', manager: 'Installed by' },
  },
};

/** What a translation has to have. */
export type CompareWords = typeof english;

/** Words of the comparison of two versions. */
export const compareTexts = defineTexts(english, () => import('./texts.zh'));
