import { Button, Group, Text } from '@mantine/core';
import { useMutation } from '@tanstack/react-query';
import { Download } from 'lucide-react';
import { useRef, useState } from 'react';
import { saveCsv } from '../../app/csv';
import { count } from '../../app/format';
import * as notify from '../../components/notify';
import type { AuditFilter } from './api';
import { collect, EXPORT_MAX } from './exportEvents';
import { auditTexts } from './texts';

/** Makes a CSV file of what is filtered, here in the browser. */
export function ExportButton({ filter }: { filter: AuditFilter }) {
  const t = auditTexts.use();
  const [read, setRead] = useState(0);
  const stop = useRef<AbortController | null>(null);
  const exported = useMutation({
    mutationFn: async () => {
      stop.current = new AbortController();
      setRead(0);
      return collect(filter, setRead, stop.current.signal);
    },
    onSuccess: ({ rows, cut }) => {
      saveCsv('berth-audit.csv', rows);
      notify.done(cut ? t.bound(count(EXPORT_MAX)) : t.exported(count(rows.length - 1)));
    },
    onError: (error) => {
      if (error.name !== 'AbortError') notify.failed(error);
    },
  });
  if (exported.isPending) {
    return (
      <Group gap="xs" role="status">
        <Text size="sm" className="tabular">
          {t.exporting(count(read))}
        </Text>
        <Button variant="default" onClick={() => stop.current?.abort()}>
          {t.stop}
        </Button>
      </Group>
    );
  }
  return (
    <Button variant="default" leftSection={<Download size={15} aria-hidden />} onClick={() => exported.mutate()}>
      {t.export}
    </Button>
  );
}
