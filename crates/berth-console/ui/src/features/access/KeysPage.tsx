import { Select } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useSearch } from '@tanstack/react-router';
import { useSession } from '../../app/session';
import { Page } from '../../components/Page';
import { KeysPanel } from './KeysPanel';
import { LoginCommandButton } from './LoginCommandButton';
import { accessTexts } from './texts';
import { usersQuery } from './users';

/** One's own access keys; administrators see those of others in the account too. */
export function KeysPage() {
  const t = accessTexts.use();
  const session = useSession();
  const navigate = useNavigate();
  const search = useSearch({ strict: false }) as { user?: string };
  const users = useQuery({ ...usersQuery, enabled: session.administrator });
  const chosen = session.administrator ? (search.user ?? session.user_id) : session.user_id;
  const known = users.data?.find((user) => user.id === chosen);
  const name = chosen === session.user_id ? session.user_name : (known?.name ?? chosen);
  return (
    <Page
      title={t.keys.title}
      intro={t.keys.intro}
      actions={
        <>
          {session.administrator && users.data !== undefined && (
            <Select
              aria-label={t.keys.whose}
              data={users.data.map((user) => ({
                value: user.id,
                label: user.id === session.user_id ? `${user.name} (${t.users.you})` : user.name,
              }))}
              value={chosen}
              onChange={(next) => void navigate({ to: '.', search: next === null || next === session.user_id ? {} : { user: next } })}
              searchable
              allowDeselect={false}
              w={220}
            />
          )}
          <LoginCommandButton />
        </>
      }
    >
      <KeysPanel key={chosen} user={chosen} name={name} />
    </Page>
  );
}
