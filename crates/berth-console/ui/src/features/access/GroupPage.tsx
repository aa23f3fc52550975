import { Button } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { useNavigate, useParams } from '@tanstack/react-router';
import { Pencil, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { Copy } from '../../components/Copy';
import { Facts } from '../../components/Facts';
import { Moment } from '../../components/Moment';
import * as notify from '../../components/notify';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { AdministratorsOnly } from './AdministratorsOnly';
import { EditGroupDialog } from './GroupDialogs';
import { GroupMembers } from './GroupMembers';
import { GroupRoles } from './GroupRoles';
import { accessTexts } from './texts';
import { type Group, groupQuery } from './users';

/** One group: who is in it, and what that means. */
export function GroupPage() {
  const t = accessTexts.use();
  const session = useSession();
  const { group: id } = useParams({ from: '/framed/members/access/groups/$group' });
  const group = useQuery({ ...groupQuery(id), enabled: session.administrator });
  const name = group.data?.name;
  return (
    <Page
      title={name === undefined ? t.groups.title : t.groups.group(name)}
      crumbs={[{ label: t.groups.title, to: '/access/groups' }, { label: name ?? id }]}
      actions={group.data !== undefined && <Actions group={group.data} />}
    >
      <AdministratorsOnly>
        <Ask query={group}>
          {(known) => (
            <>
              <Panel title={t.users.detail}>
                <Facts
                  facts={[
                    [t.groups.description, known.description],
                    [t.groups.created, <Moment key="made" time={known.create_time} />],
                    [
                      t.groups.id,
                      <span key="id">
                        <code>{known.id}</code> <Copy text={known.id} what={t.groups.id} />
                      </span>,
                    ],
                  ]}
                />
              </Panel>
              <GroupMembers group={known} />
              <GroupRoles group={known} />
            </>
          )}
        </Ask>
      </AdministratorsOnly>
    </Page>
  );
}

function Actions({ group }: { group: Group }) {
  const t = accessTexts.use().groups;
  const frame = frameTexts.use();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [dialog, setDialog] = useState<'edit' | 'delete' | null>(null);
  const close = () => setDialog(null);
  return (
    <>
      <Button variant="default" leftSection={<Pencil size={15} aria-hidden />} onClick={() => setDialog('edit')}>
        {frame.edit}
      </Button>
      <Button variant="light" color="red" leftSection={<Trash2 size={15} aria-hidden />} onClick={() => setDialog('delete')}>
        {frame.delete}
      </Button>
      {dialog === 'edit' && <EditGroupDialog group={group} onClose={close} />}
      <Confirm
        opened={dialog === 'delete'}
        onClose={close}
        title={t.deleteTitle(group.name)}
        goes={[...t.goes]}
        stays={[...t.stays]}
        confirm={frame.delete}
        run={() => data(api.DELETE('/v3/groups/{group_id}', { params: { path: { group_id: group.id } } }))}
        onDone={() => {
          notify.done(t.deleted(group.name));
          void navigate({ to: '/access/groups' });
          void queries.invalidateQueries({ queryKey: ['groups'], exact: true });
        }}
      />
    </>
  );
}
