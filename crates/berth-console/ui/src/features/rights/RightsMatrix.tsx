import { Alert, Group, Stack, Text, Tooltip } from '@mantine/core';
import { Info, UserPlus, Users } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Empty } from '../../components/Empty';
import { FilterInput } from '../../components/FilterInput';
import { Panel } from '../../components/Panel';
import type { Right } from '../image/panel';
import { may } from '../images/list';
import { HolderRow } from './HolderRow';
import { type Place, type Rights, type RightSource, useRights } from './place';
import './rights.css';
import { rightsTexts } from './texts';

const AddRightsDialog = lazy(() => import('./AddRightsDialog').then((module) => ({ default: module.AddRightsDialog })));

/** The rights in their order; each includes the ones before it. */
export const RIGHTS: Right[] = ['read', 'write', 'manage'];

interface MatrixProps {
  place: Place;
  /** What the reader may do there. */
  right: Right | undefined;
  /** What that comes from. */
  source: RightSource;
  /** Who can give rights, as far as the reader may know. */
  managers: string[];
}

/** Who may do what on a place: a line for each person, a column for each right. */
export function RightsMatrix({ place, right, source, managers }: MatrixProps) {
  const t = rightsTexts.use();
  const frame = frameTexts.use();
  const rights = useRights(place, source);
  const [adding, setAdding] = useState(false);
  const manages = may(right, 'manage');
  return (
    <Panel
      title={t.title}
      flush
      actions={
        <ActionButton size="xs" leftSection={<UserPlus size={15} aria-hidden />} reason={manages ? undefined : frame.needs.manage} onClick={() => setAdding(true)}>
          {t.add}
        </ActionButton>
      }
    >
      <Stack className="panel-body" gap="xs">
        {right !== undefined && !manages && (
          <Alert variant="light" color="tide" icon={<Info size={18} aria-hidden />}>
            <Text size="sm">
              {t.own(frame.rights[right])} {t.ownHelp[right]} {managers.length > 0 && t.managers(managers.join(', '))}
            </Text>
          </Alert>
        )}
        {place.image !== undefined && <Text size="sm" c="dimmed">{t.imageNote}</Text>}
        <Text size="sm" c="dimmed">
          {t.administrators}
        </Text>
      </Stack>
      <Ask query={rights}>
        {(answer) => (
          <>
            <Matrix place={place} rights={answer} manages={manages} source={source} />
            {adding && (
              <Suspense fallback={null}>
                <AddRightsDialog place={place} rights={answer} onClose={() => setAdding(false)} />
              </Suspense>
            )}
          </>
        )}
      </Ask>
    </Panel>
  );
}

function Matrix({ place, rights, manages, source }: { place: Place; rights: Rights; manages: boolean; source: RightSource }) {
  const t = rightsTexts.use();
  const frame = frameTexts.use();
  const [text, setText] = useState('');
  const shown = rights.others
    .filter((holder) => holder.name.toLowerCase().includes(text.toLowerCase()))
    .toSorted((a, b) => a.name.localeCompare(b.name));
  return (
    <>
      {rights.others.length > 8 && (
        <div className="panel-body">
          <FilterInput value={text} onChange={setText} label={t.filter} />
        </div>
      )}
      <table className="rights-table" aria-label={t.title}>
        <thead>
          <tr>
            <th scope="col">{t.columns.user}</th>
            {RIGHTS.map((right) => (
              <th scope="col" key={right} className="rights-mark">
                <Tooltip label={t.means[right]}>
                  <span tabIndex={0}>{frame.rights[right]}</span>
                </Tooltip>
              </th>
            ))}
            <th scope="col">{t.columns.source}</th>
            <td />
          </tr>
        </thead>
        <tbody>
          <HolderRow
            place={place}
            holder={{ id: rights.self.id, name: rights.self.name, here: rights.self.right, organization: undefined }}
            self={source}
            manages={false}
          />
          {shown.map((holder) => (
            <HolderRow key={holder.id} place={place} holder={holder} manages={manages} />
          ))}
        </tbody>
      </table>
      {rights.others.length === 0 && (
        <Empty icon={Users} title={t.none}>
          {t.noneHelp}
        </Empty>
      )}
      {rights.others.length > 0 && shown.length === 0 && (
        <Group justify="center" p="md">
          <Text c="dimmed">{frame.nothingMatches}</Text>
        </Group>
      )}
    </>
  );
}
