import { Button, Group, Text } from '@mantine/core';
import { useLocalStorage } from '@mantine/hooks';
import { Link } from '@tanstack/react-router';
import { CircleCheckBig } from 'lucide-react';
import { useSession } from '../../app/session';
import { Panel } from '../../components/Panel';
import type { Dashboard } from './DashboardPage';
import { dashboardTexts } from './texts';

/** What somebody new does first, in order; each step ticks itself off when it is done, wherever it was done. */
export function Steps({ steps }: { steps: Dashboard['steps'] }) {
  const t = dashboardTexts.use();
  const { user_id: user } = useSession();
  const [hidden, setHidden] = useLocalStorage({ key: `berth-steps-${user}`, defaultValue: false, getInitialValueInEffect: false });
  const all = [
    { key: 'organization', done: steps.organization, to: '/organizations' },
    { key: 'login', done: steps.login, to: '/access/logins' },
    { key: 'image', done: steps.image, to: '/uploads' },
    { key: 'share', done: steps.share, to: steps.image ? '/images' : '/organizations' },
  ] as const;
  const done = all.filter((step) => step.done).length;
  // Who has images and does not want to share them is not new.
  if (done === all.length || (hidden && steps.image)) return null;
  const next = all.find((step) => !step.done)?.key;
  const hide = steps.image ? (
    <Button variant="subtle" size="xs" onClick={() => setHidden(true)}>
      {t.hideSteps}
    </Button>
  ) : undefined;
  return (
    <Panel title={t.begin} actions={hide}>
      <Text c="dimmed" size="sm" mb="sm" role="status">
        {t.stepsDone(done, all.length)}
      </Text>
      <ol className="steps">
        {all.map((step, index) => (
          <li key={step.key} className={step.done ? 'step step-done' : 'step'} aria-current={step.key === next ? 'step' : undefined}>
            <span className="step-mark" aria-hidden>
              {step.done ? <CircleCheckBig size={20} /> : index + 1}
            </span>
            <div className="step-text">
              <Group gap={8} wrap="nowrap">
                <Text fw={600}>{t.step[step.key].title}</Text>
                {step.done && (
                  <Text size="xs" c="dimmed">
                    {t.done}
                  </Text>
                )}
              </Group>
              <Text size="sm" c="dimmed">
                {t.step[step.key].help}
              </Text>
            </div>
            {!step.done && (
              <Button component={Link} to={step.to} variant={step.key === next ? 'filled' : 'default'} size="xs">
                {t.step[step.key].action}
              </Button>
            )}
          </li>
        ))}
      </ol>
    </Panel>
  );
}
