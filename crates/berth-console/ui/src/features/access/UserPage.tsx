import { Anchor, Button, Text } from '@mantine/core';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Link, useNavigate, useParams } from '@tanstack/react-router';
import { KeyRound, Pencil, Trash2 } from 'lucide-react';
import { useState } from 'react';
import { api, data } from '../../api/client';
import { useSession } from '../../app/session';
import { frameTexts } from '../../app/texts.frame';
import { ActionButton } from '../../components/ActionButton';
import { Ask } from '../../components/Ask';
import { Confirm } from '../../components/Confirm';
import { Copy } from '../../components/Copy';
import { Facts } from '../../components/Facts';
import { Moment } from '../../components/Moment';
import * as notify from '../../components/notify';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { State } from '../../components/State';
import { AdministratorsOnly } from './AdministratorsOnly';
import { KeysPanel } from './KeysPanel';
import { accessTexts } from './texts';
import { UserGroups } from './UserGroups';
import { EditUserDialog, ResetPasswordDialog } from './UserDialogs';
import { type User, userQuery } from './users';

/** One user, for administrators. */
export function UserPage() {
  const t = accessTexts.use().users;
  const { user: id } = useParams({ from: '/framed/members/access/users/$user' });
  const user = useQuery(userQuery(id));
  return (
    <Page
      title={user.data?.name ?? t.title}
      crumbs={[{ label: t.title, to: '/access/users' }, { label: user.data?.name ?? id }]}
      actions={user.data !== undefined && <Actions user={user.data} />}
    >
      <AdministratorsOnly>
        <Ask query={user}>{(known) => <Known user={known} />}</Ask>
      </AdministratorsOnly>
    </Page>
  );
}

function Known({ user }: { user: User }) {
  const t = accessTexts.use().users;
  return (
    <>
      <Panel title={t.detail}>
        <Facts
          facts={[
            [t.description, user.description],
            [t.accessType, t.access[user.access_mode]],
            [t.status, <State key="state" on={user.enabled} label={user.enabled ? t.enabled : t.disabled} />],
            [t.administrator, user.is_domain_owner ? t.administratorSelf : undefined],
            [t.created, <Moment key="made" time={user.create_time} />],
            [
              t.id,
              <span key="id">
                <code>{user.id}</code> <Copy text={user.id} what={t.id} />
              </span>,
            ],
          ]}
        />
      </Panel>
      <UserGroups user={user} />
      <KeysPanel user={user.id} name={user.name} />
      <Panel title={t.rights}>
        <Text size="sm">
          {t.rightsHelp}{' '}
          <Anchor component={Link} to="/organizations">
            {t.toOrganizations}
          </Anchor>
        </Text>
        <Text size="sm" mt={4}>
          <Anchor renderRoot={(props) => <Link {...props} to="/audit" search={{ user: user.name }} />}>{t.activity}</Anchor>
        </Text>
      </Panel>
    </>
  );
}

type Dialog = 'edit' | 'password' | 'delete';

function Actions({ user }: { user: User }) {
  const t = accessTexts.use().users;
  const frame = frameTexts.use();
  const session = useSession();
  const queries = useQueryClient();
  const navigate = useNavigate();
  const [dialog, setDialog] = useState<Dialog | null>(null);
  const close = () => setDialog(null);
  const own = user.id === session.user_id;
  if (!session.administrator) return null;
  return (
    <>
      <Button variant="default" leftSection={<Pencil size={15} aria-hidden />} onClick={() => setDialog('edit')}>
        {frame.edit}
      </Button>
      <Button variant="default" leftSection={<KeyRound size={15} aria-hidden />} onClick={() => setDialog('password')}>
        {t.resetPassword}
      </Button>
      <ActionButton
        variant="light"
        color="red"
        leftSection={<Trash2 size={15} aria-hidden />}
        reason={own ? t.notSelf : undefined}
        onClick={() => setDialog('delete')}
      >
        {frame.delete}
      </ActionButton>
      {dialog === 'edit' && <EditUserDialog user={user} onClose={close} />}
      {dialog === 'password' && <ResetPasswordDialog user={user} onClose={close} />}
      <Confirm
        opened={dialog === 'delete'}
        onClose={close}
        title={t.deleteTitle(user.name)}
        goes={[...t.goes]}
        stays={[...t.stays]}
        typed={user.name}
        confirm={frame.delete}
        run={() => data(api.DELETE('/v3/users/{user_id}', { params: { path: { user_id: user.id } } }))}
        onDone={() => {
          notify.done(t.deleted(user.name));
          void navigate({ to: '/access/users' });
          void queries.invalidateQueries({ queryKey: ['users'], exact: true });
          void queries.invalidateQueries({ queryKey: ['groups'] });
        }}
      />
    </>
  );
}
