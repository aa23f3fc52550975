/** What somebody may do with an image; each includes the ones before it. */
export type Right = 'read' | 'write' | 'manage';

/** What every panel of an image's page gets. */
export interface ImagePanelProps {
  org: string;
  /** The name within the organization, with `/`. */
  image: string;
  right: Right;
}

/** What the views into an image get: which image, and of an index for which platform. */
export interface ContentViewProps {
  org: string;
  image: string;
  /** A tag or a digest. */
  reference: string;
  /** `os/architecture[/variant]`; nothing for what is no index. */
  platform: string | undefined;
}

const STRENGTH: Record<Right, number> = { read: 1, write: 2, manage: 3 };

/** Whether a right allows what needs another. */
export function allows(right: Right, needed: Right): boolean {
  return STRENGTH[right] >= STRENGTH[needed];
}
