import { Anchor, Button, Group, List, Modal, Stack, Text } from '@mantine/core';
import '@mantine/core/styles/List.layer.css';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link } from '@tanstack/react-router';
import { api } from '../../api/client';
import { count } from '../../app/format';
import { frameTexts } from '../../app/texts.frame';
import { Confirm } from '../../components/Confirm';
import * as notify from '../../components/notify';
import { readImages } from '../images/list';
import { organizationsTexts } from './texts';

const SHOWN = 8;

/** Deletes an organization; one that still holds images shows which instead. */
export function DeleteOrganizationDialog({ org, onClose, onDone }: { org: string; onClose: () => void; onDone: () => void }) {
  const t = organizationsTexts.use();
  const queries = useQueryClient();
  const images = useQuery({
    queryKey: ['images', 'of', org],
    queryFn: () => readImages({ set: 'own', text: '', org, category: '', visibility: '', state: '', column: 'name', descending: false }, 0, SHOWN),
    placeholderData: undefined,
    staleTime: 0,
  });
  if (images.isPending) return null;
  if (images.data !== undefined && images.data.total > 0) {
    return <Blocked org={org} names={images.data.rows.map((image) => image.name)} total={images.data.total} onClose={onClose} />;
  }
  return (
    <Confirm
      opened
      onClose={onClose}
      title={t.delete.of(org)}
      goes={[t.delete.goes(org)]}
      stays={[t.delete.stays]}
      typed={org}
      confirm={t.delete.confirm}
      run={() => api.DELETE('/v2/manage/namespaces/{namespace}', { params: { path: { namespace: org } } })}
      onDone={() => {
        notify.done(t.delete.done(org));
        onDone();
        void queries.invalidateQueries({ queryKey: ['organizations'] });
        queries.removeQueries({ queryKey: ['organization', org] });
      }}
    />
  );
}

function Blocked({ org, names, total, onClose }: { org: string; names: string[]; total: number; onClose: () => void }) {
  const t = organizationsTexts.use();
  const frame = frameTexts.use();
  return (
    <Modal opened onClose={onClose} title={t.delete.of(org)} closeButtonProps={{ 'aria-label': frame.close }}>
      <Stack gap="sm">
        <Text>{t.delete.blocked(count(total), total)}</Text>
        <List size="sm">
          {names.map((name) => (
            <List.Item key={name}>
              <Anchor renderRoot={(props) => <Link to="/images/$org/$image" params={{ org, image: name }} {...props} />}>
                {name}
              </Anchor>
            </List.Item>
          ))}
        </List>
        {total > names.length && <Text size="sm">{t.delete.more(count(total - names.length))}</Text>}
        <Group justify="flex-end" gap="xs">
          <Button variant="default" renderRoot={(props) => <Link to="/organizations/$org" params={{ org }} {...props} />} onClick={onClose}>
            {t.delete.all}
          </Button>
          <Button onClick={onClose}>{frame.close}</Button>
        </Group>
      </Stack>
    </Modal>
  );
}
