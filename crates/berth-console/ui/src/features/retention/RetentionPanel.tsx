import type { ComponentType } from 'react';
import { NotFound } from '../../components/NotFound';
import type { ImagePanelProps } from '../image/panel';

/** Not built yet. */
export const RetentionPanel: ComponentType<ImagePanelProps> = () => <NotFound />;
