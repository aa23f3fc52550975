import { allows, type ImagePanelProps } from '../image/panel';
import { RuleTable } from './RuleTable';

/** Which tags of an image neither move nor go. */
export function ImmutabilityPanel({ org, image, right }: ImagePanelProps) {
  return <RuleTable of={{ org, image }} mayManage={allows(right, 'manage')} />;
}
