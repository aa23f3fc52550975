import { Button, Group, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { ArchiveX } from 'lucide-react';
import { useState } from 'react';
import { bytes, count } from '../../app/format';
import { Confirm } from '../../components/Confirm';
import * as notify from '../../components/notify';
import { Panel } from '../../components/Panel';
import { empty, usageQuery } from './api';
import { BinTable } from './BinTable';
import { binTexts } from './texts';

/** What was deleted in an organization, or of one image of it. `manages`: whether the caller manages the organization. */
export function BinPanel({ namespace, repository, manages }: { namespace: string; repository?: string; manages: boolean }) {
  const t = binTexts.use();
  return (
    <Panel title={t.panel} flush actions={<EmptyBin namespace={namespace} repository={repository} manages={manages} />}>
      <BinTable filter={{ namespace, repository }} />
    </Panel>
  );
}

/** How much the bin of an organization holds, and the way to end all of it. */
export function EmptyBin({ namespace, repository, manages }: { namespace: string; repository?: string | undefined; manages: boolean }) {
  const t = binTexts.use();
  const queries = useQueryClient();
  const usage = useQuery({ ...usageQuery(namespace), enabled: repository === undefined });
  const [asked, setAsked] = useState(false);
  const where = repository === undefined ? namespace : `${namespace}/${repository}`;
  const holds = usage.data;
  return (
    <Group gap="sm">
      {holds !== undefined && holds.entries > 0 && (
        <Text size="sm" c="dimmed">
          {t.holds(t.entries(count(holds.entries)), bytes(holds.bytes))}
        </Text>
      )}
      {manages && holds?.entries !== 0 && (
        <Button variant="light" color="red" size="xs" leftSection={<ArchiveX size={14} aria-hidden />} onClick={() => setAsked(true)}>
          {t.emptyAll}
        </Button>
      )}
      <Confirm
        opened={asked}
        onClose={() => setAsked(false)}
        title={t.emptyTitle(where)}
        goes={[t.emptyGoes(where)]}
        stays={[t.emptyStays]}
        typed={where}
        confirm={t.emptyAll}
        run={async () => {
          const { purged } = await empty(namespace, repository);
          notify.done(t.emptied(purged));
        }}
        onDone={() => void queries.invalidateQueries({ queryKey: ['bin'] })}
      />
    </Group>
  );
}
