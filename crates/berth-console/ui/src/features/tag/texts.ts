import { defineTexts } from '../../app/texts';

const english = {
  list: (image: string) => `Tags of ${image}`,
  filter: 'Filter tags',
  column: { tag: 'Tag', platforms: 'Platforms', layers: 'Layers', size: 'Size', updated: 'Pushed', pulled: 'Last pull' },
  by: (name: string) => `by ${name}`,
  never: 'Never',
  sameAs: (tags: string, more: number) => `same image as ${tags}${more > 0 ? ` and ${more} more` : ''}`,
  layersOf: (tag: string, n: number, size: string, own: string) =>
    `${tag}: ${n} ${n === 1 ? 'layer' : 'layers'}, ${size}; ${own} of it in no other tag shown here`,
  legend: 'Pale layers are also in other tags of the list, full ones only in this one.',
  index: (n: number) => (n === 1 ? '1 platform' : `${n} platforms`),
  badge: {
    immutable: 'Immutable',
    immutableHelp: 'A rule keeps this tag from being moved and deleted.',
    signed: 'Signed',
    signedHelp: 'A signature belongs to this image. The registry does not verify it.',
    sbomHelp: 'A list of its contents belongs to this image.',
    sbom: 'SBOM',
    artifact: 'Artifact',
    helm: 'Helm chart',
    cosign: 'Cosign signature',
    notation: 'Notation signature',
    sbomKind: 'SBOM',
    attestation: 'Attestation',
    lazy: 'Index for lazy starts',
    wasm: 'WebAssembly module',
    index: 'Index',
  },
  pullOf: (tag: string) => `the command that pulls ${tag}`,
  copiedPull: (command: string) => `Copied: ${command}`,
  actions: (tag: string) => `Actions for ${tag}`,
  copyFor: 'Copy pull command for',
  byDigest: (client: string) => `${client}, by digest`,
  reference: 'Image reference',
  action: {
    open: 'Open',
    compare: 'Compare with …',
    compareTwo: 'Compare',
    history: 'History and restore',
    retag: 'Add a tag to this image',
    sync: 'Synchronize',
    delete: 'Delete',
    restore: 'Restore',
    clear: 'Clear the selection',
  },
  compareReason: 'Select two tags to compare them.',
  keys: 'Keys: / filter, j and k move, x selects, c copies the pull command, Enter opens.',
  none: {
    title: 'No tags yet',
    help: 'Push an image, and its tag appears here by itself.',
    filtered: 'No tag matches the filter',
  },
  gone: (n: number) => (n === 1 ? 'The tag was deleted. It can be restored from the bin.' : `${n} tags were deleted. They can be restored from the bin.`),
  delete: {
    title: (n: number) => (n === 1 ? 'Delete tag' : `Delete ${n} tags`),
    goes: (n: number) => (n === 1 ? 'This tag goes:' : 'These tags go:'),
    stays: 'These tags name the same image and stay, with all its layers:',
    held: 'These are immutable and cannot go:',
    bin: 'Deleted tags are kept in the bin for a while and can be restored from there.',
    confirm: (n: number) => (n === 1 ? 'Delete tag' : `Delete ${n} tags`),
    failed: (tag: string, why: string) => `${tag}: ${why}`,
    progress: (n: number, of: number) => `${n} of ${of} deleted`,
    more: (n: number) => `… and ${n} more`,
  },
  retag: {
    title: (tag: string) => `Add a tag to the image of ${tag}`,
    help: 'Nothing is copied: both tags name the same image.',
    name: 'New tag',
    override: 'Move the tag when it is there already',
    submit: 'Add tag',
    invalid: 'At most 128 letters, digits, “_”, “.” and “-”; it does not begin with “.” or “-”.',
    done: (tag: string) => `${tag} now names this image.`,
  },
};

/** What a translation has to have. */
export type TagWords = typeof english;

/** Words of lists of tags, and of what can be done with one. */
export const tagTexts = defineTexts(english, () => import('./texts.zh'));
