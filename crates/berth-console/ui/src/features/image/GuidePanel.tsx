import type { ComponentType } from 'react';
import { NotFound } from '../../components/NotFound';
import type { ImagePanelProps } from './panel';

/** Not built yet. */
export const GuidePanel: ComponentType<ImagePanelProps> = () => <NotFound />;
