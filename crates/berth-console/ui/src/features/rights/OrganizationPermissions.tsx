import type { Right } from '../image/panel';
import { RightsMatrix } from './RightsMatrix';

/** Who has which right on an organization, and so on all its images. */
export function OrganizationPermissions({ org, right }: { org: string; right: Right | undefined }) {
  return <RightsMatrix place={{ org }} right={right} />;
}
