import { Alert, Button, Group, Select, Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { useNavigate, useParams, useSearch } from '@tanstack/react-router';
import { ArrowLeftRight, CircleCheck, GitCompare } from 'lucide-react';
import { lazy } from 'react';
import { Ask } from '../../components/Ask';
import { Empty } from '../../components/Empty';
import { Page } from '../../components/Page';
import { Tabs } from '../../components/Tabs';
import { Overview } from './Overview';
import { comparison, type Comparison, type Pair } from './queries';
import { Summary } from './Summary';
import { TagChoice } from './TagChoice';
import { compareTexts } from './texts';

const FileChanges = lazy(() => import('./FileChanges').then((module) => ({ default: module.FileChanges })));
const PackageChanges = lazy(() => import('./PackageChanges').then((module) => ({ default: module.PackageChanges })));

/** Two versions of an image side by side. */
export function ComparePage() {
  const t = compareTexts.use();
  const { org, image } = useParams({ from: '/framed/members/images/$org/$image/compare' });
  const search = useSearch({ strict: false });
  const navigate = useNavigate();
  const word = (key: string) => (search[key] === undefined ? '' : String(search[key]));
  const pair: Pair = { org, image, a: word('a'), b: word('b'), platform: word('platform') === '' ? undefined : word('platform') };
  const change = (next: Partial<Pick<Pair, 'a' | 'b' | 'platform'>>) =>
    void navigate({
      to: '.',
      search: ({ tab, ...old }) => Object.fromEntries(Object.entries({ tab, ...old, ...next }).filter(([, value]) => value !== '' && value !== undefined)),
      replace: true,
    });
  const chosen = pair.a !== '' && pair.b !== '';
  const compared = useQuery({ ...comparison(pair), enabled: chosen });
  return (
    <Page
      title={t.title}
      crumbs={[
        { label: t.images, to: '/images' },
        { label: org, to: `/organizations/${org}` },
        { label: image, to: `/images/${org}/${encodeURIComponent(image)}` },
        { label: t.title },
      ]}
      intro={t.intro}
    >
      <Group align="flex-end" gap="sm">
        <TagChoice label={t.first} org={org} image={image} value={pair.a} onChange={(a) => change({ a })} />
        <Button variant="default" aria-label={t.swap} disabled={!chosen} onClick={() => change({ a: pair.b, b: pair.a })} px="sm">
          <ArrowLeftRight size={16} aria-hidden />
        </Button>
        <TagChoice label={t.second} org={org} image={image} value={pair.b} onChange={(b) => change({ b })} />
        <Platform comparison={compared.data} platform={pair.platform} choose={(platform) => change({ platform })} />
      </Group>
      {chosen ? (
        <Ask query={compared} rows={8}>
          {(answer) => <Compared pair={pair} compared={answer} />}
        </Ask>
      ) : (
        <div className="panel">
          <Empty icon={GitCompare} title={t.choose}>
            {t.chooseHelp}
          </Empty>
        </div>
      )}
    </Page>
  );
}

function Compared({ pair, compared }: { pair: Pair; compared: Comparison }) {
  const t = compareTexts.use();
  const same = compared.first.image !== null && compared.first.image === compared.second.image;
  return (
    <Stack gap="md">
      {same && (
        <Alert variant="light" color="teal" icon={<CircleCheck size={18} aria-hidden />} title={t.same}>
          {t.sameHelp}
        </Alert>
      )}
      <Summary pair={pair} compared={compared} />
      <Tabs
        label={t.view.label}
        keep={['a', 'b', 'platform']}
        tabs={[
          { key: 'overview', label: t.view.overview, content: <Overview compared={compared} /> },
          { key: 'files', label: t.view.files, content: <FileChanges pair={pair} /> },
          { key: 'packages', label: t.view.packages, content: <PackageChanges pair={pair} /> },
        ]}
      />
    </Stack>
  );
}

/** For which platform two indexes are compared. */
function Platform({ comparison, platform, choose }: { comparison: Comparison | undefined; platform: string | undefined; choose: (platform: string) => void }) {
  const t = compareTexts.use();
  if (comparison === undefined) return null;
  const { first, second } = comparison;
  const common = first.platforms.filter((one) => second.platforms.includes(one) && !one.startsWith('unknown'));
  if (common.length < 2) return null;
  return (
    <Select
      label={t.platform}
      data={common}
      value={platform ?? first.platform ?? null}
      onChange={(next) => next !== null && choose(next)}
      allowDeselect={false}
      w={{ base: '100%', xs: 180 }}
    />
  );
}
