import type { ComponentType } from 'react';
import { NotFound } from '../../../components/NotFound';
import type { ViewProps } from './view';

/** Not built yet. */
export const ReferrersView: ComponentType<ViewProps> = () => <NotFound />;
