import type { ImagePanelProps } from '../image/panel';
import { RightsMatrix } from './RightsMatrix';

/** Who has which right on an image, on itself or by its organization. */
export function PermissionsPanel({ org, image, right }: ImagePanelProps) {
  return <RightsMatrix place={{ org, image }} right={right} />;
}
