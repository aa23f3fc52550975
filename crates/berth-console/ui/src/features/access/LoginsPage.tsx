import { Anchor } from '@mantine/core';
import { Link } from '@tanstack/react-router';
import { Page } from '../../components/Page';
import { Panel } from '../../components/Panel';
import { LoginCommand } from './LoginCommand';
import { loginTexts } from './login/texts';

/** Logins for docker and other clients. */
export function LoginsPage() {
  const t = loginTexts.use();
  return (
    <Page
      title={t.title}
      intro={t.intro}
      actions={
        <Anchor component={Link} to="/access/keys" size="sm">
          {t.keys}
        </Anchor>
      }
    >
      <Panel>
        <LoginCommand />
      </Panel>
    </Page>
  );
}
