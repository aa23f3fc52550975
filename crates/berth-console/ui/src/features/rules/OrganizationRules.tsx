import type { ComponentType } from 'react';
import { NotFound } from '../../components/NotFound';
import type { Right } from '../image/panel';

/** What the rules of an organization get. */
export interface OrganizationRulesProps {
  org: string;
  right: Right | undefined;
}

/** Not built yet. */
export const OrganizationRules: ComponentType<OrganizationRulesProps> = () => <NotFound />;
