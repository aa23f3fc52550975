import { Stack } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Lock } from 'lucide-react';
import { api, data, inPath } from '../../api/client';
import { Ask } from '../../components/Ask';
import { Empty } from '../../components/Empty';
import { Panel } from '../../components/Panel';
import type { ImagePanelProps } from '../image/panel';
import { may } from '../images/list';
import { RightsMatrix } from './RightsMatrix';
import { rightsTexts } from './texts';
import { WhyPanel } from './WhyPanel';

/** Who has which right on an image, on itself or by its organization. */
export function PermissionsPanel({ org, image, right }: ImagePanelProps) {
  const t = rightsTexts.use();
  const path = { namespace: org, repository: inPath(image) };
  const view = useQuery({
    queryKey: ['image', org, image, 'view'],
    queryFn: () => data(api.GET('/v2/manage/images/{namespace}/{repository}', { params: { path } })),
    placeholderData: undefined,
  });
  return (
    <Ask query={view}>
      {({ self_rights: own, managers }) =>
        own === null || own === undefined || own.source === 'share' || own.source === 'public' ? (
          <Panel title={t.title}>
            <Empty icon={Lock} title={own?.source === 'public' ? t.byPublic : t.byShare}>
              {t.notTold}
            </Empty>
          </Panel>
        ) : (
          <Stack gap="md">
            <RightsMatrix place={{ org, image }} right={right} source={own.source} managers={managers} />
            {may(right, 'manage') && <WhyPanel org={org} image={image} />}
          </Stack>
        )
      }
    </Ask>
  );
}
