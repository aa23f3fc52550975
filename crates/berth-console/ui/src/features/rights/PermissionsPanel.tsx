import { useQuery } from '@tanstack/react-query';
import { api, data, inPath } from '../../api/client';
import { allows, type ImagePanelProps } from '../image/panel';
import { RightsMatrix } from './RightsMatrix';

/** Who has which right on an image, on itself or by its organization. */
export function PermissionsPanel({ org, image, right }: ImagePanelProps) {
  const path = { namespace: org, repository: inPath(image) };
  const managers = useQuery({
    queryKey: ['image', org, image, 'managers'],
    queryFn: async () => (await data(api.GET('/v2/manage/images/{namespace}/{repository}', { params: { path } }))).managers,
    // Who manages the image needs nobody to ask.
    enabled: !allows(right, 'manage'),
    placeholderData: undefined,
  });
  return <RightsMatrix place={{ org, image }} right={right} managers={managers.data ?? NOBODY} />;
}

const NOBODY: string[] = [];
