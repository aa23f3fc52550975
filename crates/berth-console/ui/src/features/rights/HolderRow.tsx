import { ActionIcon, Badge, Button, Group, Radio, Text, Tooltip } from '@mantine/core';
import '@mantine/core/styles/Radio.layer.css';
import { useMutation, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { Check, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { Confirm } from '../../components/Confirm';
import * as notify from '../../components/notify';
import { allows, type Right } from '../image/panel';
import { may } from '../images/list';
import { changeRight, type Holder, type Place, removeRight, rightsKey, type RightSource } from './place';
import { RIGHTS } from './RightsMatrix';
import { rightsTexts } from './texts';

/**
 * One person's rights: what is given here can be changed in place by who manages it, what comes from the organization is
 * only shown. `self`: it is the reader, whose right comes from there.
 */
export function HolderRow({ place, holder, manages, self }: { place: Place; holder: Holder; manages: boolean; self?: RightSource }) {
  const t = rightsTexts.use();
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const [wanted, setWanted] = useState<Right | null>(null);
  const [removing, setRemoving] = useState(false);
  const { here, organization } = holder;
  const shown = wanted ?? here ?? organization ?? 'read';
  const refresh = () => void queries.invalidateQueries({ queryKey: rightsKey(place) });
  const saved = useMutation({
    mutationFn: (right: Right) => changeRight(place, holder.id, right),
    onSuccess: (_, right) => {
      notify.done(t.saved(holder.name, frame.rights[right]));
      setWanted(null);
      refresh();
    },
    onError: notify.failed,
  });
  const editable = manages && here !== undefined;
  return (
    <tr data-inherited={here === undefined ? true : undefined}>
      <td>
        <Group gap={6}>
          <Text fw={here === undefined ? 400 : 600} span>
            {holder.name}
          </Text>
          {self !== undefined && (
            <Badge size="sm" variant="light" color="gray">
              {t.you}
            </Badge>
          )}
        </Group>
      </td>
      {RIGHTS.map((right) => (
        <td key={right} className="rights-mark" data-label={frame.rights[right]}>
          {editable ? (
            <Radio
              name={`right-${holder.id}`}
              value={right}
              checked={shown === right}
              onChange={() => setWanted(right === here ? null : right)}
              aria-label={`${t.rightOf(holder.name)}: ${frame.rights[right]}`}
              display="flex"
            />
          ) : (
            allows(shown, right) && <Check size={16} role="img" aria-label={`${t.rightOf(holder.name)}: ${frame.rights[right]}`} />
          )}
        </td>
      ))}
      <td className="rights-source">
        {self === undefined ? <Source place={place} holder={holder} /> : <OwnSource place={place} source={self} />}
      </td>
      <td className="rights-actions">
        {editable && wanted !== null && (
          <Group gap={6} justify="flex-end" wrap="nowrap">
            <Button size="compact-sm" loading={saved.isPending} onClick={() => saved.mutate(wanted)} aria-label={t.saveOf(holder.name)}>
              {frame.save}
            </Button>
            <Button size="compact-sm" variant="default" onClick={() => setWanted(null)}>
              {frame.cancel}
            </Button>
          </Group>
        )}
        {editable && wanted === null && (
          <Tooltip label={t.deleteOf(holder.name)}>
            <ActionIcon variant="subtle" color="gray" aria-label={t.deleteOf(holder.name)} onClick={() => setRemoving(true)}>
              <Trash2 size={16} aria-hidden />
            </ActionIcon>
          </Tooltip>
        )}
        {removing && here !== undefined && (
          <Confirm
            opened
            onClose={() => setRemoving(false)}
            title={t.remove.title(holder.name)}
            goes={[t.remove.goes(frame.rights[here], place.image === undefined ? place.org : `${place.org}/${place.image}`)]}
            stays={[
              t.remove.staysUser(holder.name),
              ...(organization === undefined ? [] : [t.remove.staysOrganization(frame.rights[organization], place.org)]),
            ]}
            confirm={t.remove.confirm}
            run={() => removeRight(place, holder.id)}
            onDone={() => {
              notify.done(t.remove.done(holder.name));
              refresh();
            }}
          />
        )}
      </td>
    </tr>
  );
}

/** Where the reader's own right comes from. */
function OwnSource({ place, source }: { place: Place; source: RightSource }) {
  const t = rightsTexts.use();
  if (source === 'administrator') return <Text size="sm">{t.fromAdministrator}</Text>;
  if (source === 'image') return <Text size="sm">{t.fromImage}</Text>;
  return <Text size="sm">{place.image === undefined ? t.fromHere : <ToOrganization org={place.org} />}</Text>;
}

/** Where somebody's right comes from: the place itself, or for an image its organization. */
function Source({ place, holder }: { place: Place; holder: Holder }) {
  const t = rightsTexts.use();
  if (place.image === undefined) return <Text size="sm">{t.fromHere}</Text>;
  const above = holder.organization !== undefined && <ToOrganization org={place.org} />;
  if (holder.here === undefined) return <Text size="sm">{above}</Text>;
  return (
    <Text size="sm">
      {t.fromImage}
      {above !== false && <>, {above}</>}
      {may(holder.organization, holder.here) && (
        <Text span size="xs" c="dimmed" display="block">
          {t.stronger}
        </Text>
      )}
    </Text>
  );
}

function ToOrganization({ org }: { org: string }) {
  const t = rightsTexts.use();
  return (
    <Link to="/organizations/$org" params={{ org }} search={{ tab: 'users' }} style={{ color: 'inherit' }}>
      {t.fromOrganization(org)}
    </Link>
  );
}
