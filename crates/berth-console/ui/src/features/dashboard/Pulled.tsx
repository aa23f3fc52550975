import { Text } from '@mantine/core';
import { count } from '../../app/format';
import { Panel } from '../../components/Panel';
import { Bars } from './Bars';
import type { Dashboard } from './DashboardPage';
import { dashboardTexts } from './texts';

/** The images that were pulled most. */
export function Pulled({ images }: { images: Dashboard['most_pulled'] }) {
  const t = dashboardTexts.use();
  const bars = images.map((image) => ({
    name: `${image.namespace}/${image.repository}`,
    to: '/images/$org/$image',
    params: { org: image.namespace, image: image.repository },
    value: image.pulls,
    told: count(image.pulls),
  }));
  return (
    <Panel title={t.mostPulled}>
      {bars.length === 0 ? <Text c="dimmed" size="sm">{t.neverPulled}</Text> : <Bars bars={bars} hue={1} label={t.mostPulled} />}
    </Panel>
  );
}
