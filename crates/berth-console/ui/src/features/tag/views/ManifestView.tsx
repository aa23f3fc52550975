import type { ComponentType } from 'react';
import { NotFound } from '../../../components/NotFound';
import type { ViewProps } from './view';

/** Not built yet. */
export const ManifestView: ComponentType<ViewProps> = () => <NotFound />;
