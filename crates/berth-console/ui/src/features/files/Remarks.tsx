import { Alert, List } from '@mantine/core';
import '@mantine/core/styles/List.layer.css';
import { Info } from 'lucide-react';
import { filesTexts } from './texts';

/** What could not be shown, in the server's own sentences. */
export function Remarks({ remarks }: { remarks: string[] }) {
  const t = filesTexts.use();
  if (remarks.length === 0) return null;
  return (
    <Alert color="yellow" variant="light" icon={<Info size={18} aria-hidden />} title={t.remarks(remarks.length)}>
      <List size="sm" style={{ overflowWrap: 'anywhere' }}>
        {remarks.map((remark, index) => (
          <List.Item key={index}>{remark}</List.Item>
        ))}
      </List>
    </Alert>
  );
}
