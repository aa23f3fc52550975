import { count } from '../../app/format';
import { defineTexts } from '../../app/texts';

const english = {
  making: {
    title: 'Looking into the layers',
    help: 'The registry reads each layer once to list its files, and remembers the list. This page goes on by itself.',
    progress: (ready: number, all: number) => `${ready} of ${all} layers listed`,
    of: (read: string, all: string) => `${read} of ${all} read`,
    state: { ready: 'Listed', waiting: 'Waiting', making: 'Reading', failed: 'Not listed' },
  },
  remarks: (n: number) => (n === 1 ? 'Something is not shown' : `${n} things are not shown`),
  whole: 'Whole image',
  layers: 'What to show',
  layer: (number: number, size: string) => `Layer ${number} · ${size}`,
  layerNumber: (number: number) => `Layer ${number}`,
  search: 'Search files',
  root: 'Root',
  folders: 'Folder',
  filesLabel: 'Files',
  column: { name: 'Name', size: 'Size', mode: 'Mode', owner: 'Owner', modified: 'Changed', layer: 'Layer' },
  kind: {
    file: 'File',
    directory: 'Folder',
    symlink: 'Symbolic link',
    hardlink: 'Another name of a file',
    character_device: 'Character device',
    block_device: 'Block device',
    fifo: 'Named pipe',
    whiteout: 'Removed by this layer',
  },
  removed: 'removed',
  opaque: 'hides lower layers',
  inFolder: (n: number) => (n === 1 ? '1 file' : `${count(n)} files`),
  sums: (files: number, size: string) => `${files === 1 ? '1 file' : `${count(files)} files`}, ${size} unpacked`,
  hidden: (size: string) => `${size} more are pulled and never seen, because a higher layer replaces or removes them`,
  empty: 'This folder is empty',
  emptyImage: 'There are no files in it',
  emptyImageHelp: 'The image has no layers, or none that holds files.',
  preview: 'Preview',
  previewHelp: 'Choose a file to see its beginning.',
  closePreview: 'Close the preview',
  download: 'Download',
  binary: 'This is no text. Its first bytes:',
  cut: 'Only the beginning is shown.',
  emptyFile: 'The file is empty.',
  noFile: 'There is no content to show.',
  leadsTo: 'Leads to',
  leadsNowhere: 'Leads to nothing in the image',
  says: 'Says',
  open: 'Open',
  packages: {
    label: 'Packages',
    search: 'Search packages',
    total: (n: number) => (n === 1 ? '1 package' : `${count(n)} packages`),
    empty: 'No packages are known',
    emptyHelp: 'Packages are read from the databases of dpkg (Debian, Ubuntu) and apk (Alpine). Others, and what was copied into the image, are not listed.',
    column: { name: 'Name', version: 'Version', architecture: 'Architecture', source: 'Source', licence: 'Licence', manager: 'Installed by' },
  },
};

/** What a translation has to have. */
export type FilesWords = typeof english;

/** Words of the views into an image. */
export const filesTexts = defineTexts(english, () => import('./texts.zh'));
