import type { ComponentType } from 'react';
import { NotFound } from '../../components/NotFound';
import type { ContentViewProps } from '../image/panel';

/** Not built yet. */
export const PackagesView: ComponentType<ContentViewProps> = () => <NotFound />;
