import { Alert, Checkbox, Select, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { isOrganizationName } from '../../app/names';
import { useSession } from '../../app/session';
import { regionsQuery, type Target } from './api';
import { syncTexts } from './texts';

/** Whether the API could take it. */
export function isTarget(to: Target): boolean {
  return to.region !== '' && isOrganizationName(to.organization);
}

/** Where copies go. `fixed`: an existing destination, of which only the switch can be changed. */
export function TargetFields({ to, onChange, told, fixed = false }: { to: Target; onChange: (to: Target) => void; told: boolean; fixed?: boolean }) {
  const t = syncTexts.use().dialog;
  const words = syncTexts.use();
  const session = useSession();
  const regions = useQuery(regionsQuery).data;
  const others = (regions ?? []).filter((region) => region.regionID !== session.project_name);
  const organizationIsWrong = to.organization === '' ? told : !isOrganizationName(to.organization);
  return (
    <>
      {regions !== undefined && others.length === 0 && (
        <Alert color="yellow" variant="light" title={words.noRegions}>
          {words.registerRegion}
        </Alert>
      )}
      <Select
        label={t.region}
        value={to.region === '' ? null : to.region}
        disabled={fixed}
        data={others.map((region) => ({
          value: region.regionID,
          label: region.usable === false ? `${region.regionID} (${t.unusable})` : region.regionID,
        }))}
        error={told && to.region === '' ? t.required : undefined}
        onChange={(region) => onChange({ ...to, region: region ?? '' })}
      />
      <TextInput
        label={t.organization}
        description={t.organizationHelp}
        value={to.organization}
        disabled={fixed}
        maxLength={64}
        autoComplete="off"
        error={organizationIsWrong ? t.organizationWrong : undefined}
        onChange={(event) => onChange({ ...to, organization: event.currentTarget.value })}
      />
      <Checkbox label={t.override} description={t.overrideHelp} checked={to.override} onChange={(event) => onChange({ ...to, override: event.currentTarget.checked })} />
    </>
  );
}
