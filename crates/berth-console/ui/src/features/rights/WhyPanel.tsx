import { Alert, Box, Button, Group, Select, Stack, Text, TextInput } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { CircleCheck, CircleMinus, CircleX } from 'lucide-react';
import { useState } from 'react';
import { api, data, inPath } from '../../api/client';
import type { components } from '../../api/schema';
import { Panel } from '../../components/Panel';
import { Problem } from '../../components/Problem';
import { rightsTexts } from './texts';

type Explanation = components['schemas']['ExplanationDocument'];
type Action = 'pull' | 'push' | 'delete';
interface Question {
  user: string;
  action: Action;
  tag: string;
}

const ACTIONS: Action[] = ['pull', 'push', 'delete'];

/** Why somebody may or may not do something with an image: asked of the server, which decides as it would for them. */
export function WhyPanel({ org, image }: { org: string; image: string }) {
  const t = rightsTexts.use().why;
  const [user, setUser] = useState('');
  const [action, setAction] = useState<Action>('pull');
  const [tag, setTag] = useState('');
  const [asked, setAsked] = useState<Question | null>(null);
  const answer = useQuery({
    queryKey: ['image', org, image, 'explanation', asked],
    enabled: asked !== null,
    placeholderData: undefined,
    retry: false,
    queryFn: () => {
      const { user: who, action: what, tag: which } = asked ?? { user: '', action: 'pull', tag: '' };
      const query = { action: what, ...(who === '' ? {} : { user: who }), ...(which === '' ? {} : { tag: which }) };
      const path = { namespace: org, repository: inPath(image) };
      return data(api.GET('/v2/manage/namespaces/{namespace}/repos/{repository}/explanation', { params: { path, query } }));
    },
  });
  return (
    <Panel title={t.title}>
      <form
        onSubmit={(event) => {
          event.preventDefault();
          const next = { user: user.trim(), action, tag: tag.trim() };
          if (asked !== null && JSON.stringify(asked) === JSON.stringify(next)) void answer.refetch();
          else setAsked(next);
        }}
      >
        <Group align="flex-end" gap="sm">
          <TextInput label={t.user} description={t.userHelp} value={user} onChange={(event) => setUser(event.currentTarget.value)} spellCheck={false} maxLength={129} />
          <Select
            label={t.action}
            data={ACTIONS.map((one) => ({ value: one, label: t.actions[one] }))}
            value={action}
            onChange={(next) => next !== null && setAction(next as Action)}
            allowDeselect={false}
            w={150}
          />
          {action !== 'pull' && <TextInput label={t.tag} value={tag} onChange={(event) => setTag(event.currentTarget.value)} spellCheck={false} maxLength={128} w={150} />}
          <Button type="submit" variant="default" loading={answer.isFetching}>
            {t.ask}
          </Button>
        </Group>
      </form>
      {answer.error !== null && !answer.isFetching && (
        <Box mt="md">
          <Problem error={answer.error} />
        </Box>
      )}
      {answer.error === null && answer.data !== undefined && <Answer found={answer.data} />}
    </Panel>
  );
}

function Answer({ found }: { found: Explanation }) {
  const t = rightsTexts.use().why;
  return (
    <Stack gap="sm" mt="md">
      <Alert
        variant="light"
        color={found.allowed ? 'teal' : 'red'}
        icon={found.allowed ? <CircleCheck size={18} aria-hidden /> : <CircleX size={18} aria-hidden />}
        title={found.allowed ? t.allowed : t.refused}
        role="status"
      >
        {found.answer !== null && found.answer !== undefined && (
          <Text size="sm" lang="en">
            {found.answer}
          </Text>
        )}
      </Alert>
      <Stack component="ul" gap={6} p={0} m={0} aria-label={t.steps} style={{ listStyle: 'none' }}>
        {found.steps.map((step) => (
          <li key={`${step.step} ${step.text}`}>
            <Group gap={8} wrap="nowrap" align="flex-start">
              <Sign verdict={step.verdict} />
              <Text size="sm" style={{ overflowWrap: 'anywhere' }}>
                <Text span fw={600}>
                  {t.step[step.step as keyof typeof t.step] ?? step.step}
                </Text>
                {': '}
                <span lang="en">{step.text}</span>
              </Text>
            </Group>
          </li>
        ))}
      </Stack>
    </Stack>
  );
}

/** What a step does, by its form and in words for readers. */
function Sign({ verdict }: { verdict: string }) {
  const t = rightsTexts.use().why;
  const known = verdict as keyof typeof t.verdict;
  const Icon = verdict === 'grants' ? CircleCheck : verdict === 'refuses' ? CircleX : CircleMinus;
  const color = verdict === 'grants' ? 'var(--mantine-color-teal-text)' : verdict === 'refuses' ? 'var(--mantine-color-red-text)' : 'var(--mantine-color-dimmed)';
  return <Icon size={16} color={color} role="img" aria-label={t.verdict[known] ?? verdict} style={{ flex: 'none', marginTop: 3 }} />;
}
