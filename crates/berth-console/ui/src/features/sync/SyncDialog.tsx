import type { ComponentType } from 'react';
/** Not built yet: copies tags of an image to another region. */
export const SyncDialog: ComponentType<{ org: string; image: string; tags: string[]; opened: boolean; onClose: () => void }> = () => null;
