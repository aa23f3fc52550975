import { Stack, Text } from '@mantine/core';
import { CircleCheck } from 'lucide-react';
import { Ask } from '../../components/Ask';
import { type Column, DataTable } from '../../components/DataTable';
import { Empty } from '../../components/Empty';
import { rowsOf } from '../../components/rows';
import { useLook } from '../files/content';
import { Making } from '../files/Making';
import { Remarks } from '../files/Remarks';
import { ChangeMark } from './Marks';
import { type ChangedPackage, type Pair, pairKey, readPackageChanges } from './queries';
import { compareTexts, type CompareWords } from './texts';

/** The packages that two images do not have alike. */
export function PackageChanges({ pair }: { pair: Pair }) {
  const t = compareTexts.use();
  const query = useLook(pairKey(pair, 'packages'), () => readPackageChanges(pair));
  return (
    <Ask query={query} rows={8}>
      {(answer) =>
        answer.pending !== null ? (
          <Making pending={answer.pending} />
        ) : (
          <Stack gap="md">
            <Remarks remarks={answer.found.remarks} />
            <Text size="sm" c="dimmed">
              {t.packages.same(answer.found.same)}
            </Text>
            <section className="panel" aria-label={t.packages.label}>
              <DataTable
                label={t.packages.label}
                source={rowsOf(answer.found.packages)}
                columns={columns(t)}
                rowKey={(one) => `${one.manager} ${one.name}`}
                empty={<Empty icon={CircleCheck} title={t.packages.none} />}
              />
            </section>
          </Stack>
        )
      }
    </Ask>
  );
}

function columns(t: CompareWords): Column<ChangedPackage>[] {
  const { column } = t.packages;
  const versions = (all: string[]) => (all.length === 0 ? '–' : <code style={{ overflowWrap: 'anywhere' }}>{all.join(', ')}</code>);
  return [
    { key: 'change', label: column.change, width: 130, cell: (one) => <ChangeMark change={one.change} /> },
    { key: 'name', label: column.name, cell: (one) => <strong style={{ overflowWrap: 'anywhere' }}>{one.name}</strong> },
    { key: 'before', label: column.before, cell: (one) => versions(one.before) },
    { key: 'after', label: column.after, cell: (one) => versions(one.after) },
    { key: 'manager', label: column.manager, width: 120, cell: (one) => one.manager },
  ];
}
