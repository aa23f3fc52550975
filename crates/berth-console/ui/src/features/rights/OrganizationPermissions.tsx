import type { Right } from '../image/panel';
import { RightsMatrix } from './RightsMatrix';

/** Who has which right on an organization, and so on all its images. */
export function OrganizationPermissions({ org, right, managers }: { org: string; right: Right | undefined; managers: string[] }) {
  return <RightsMatrix place={{ org }} right={right} managers={managers} />;
}
