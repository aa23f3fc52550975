import type { components } from '../../api/schema';
import { RightsMatrix } from './RightsMatrix';

/** Who has which right on an organization, and so on all its images; for who has one on the organization themself. */
export function OrganizationPermissions({ organization }: { organization: components['schemas']['OrganizationDocument'] }) {
  const { name, self_rights: own, managers } = organization;
  return <RightsMatrix place={{ org: name }} right={own?.permission} source={own?.source ?? 'organization'} managers={managers} />;
}
