import type { Right } from '../../image/panel';
import type { ImageContent, TagDetail, TagPlace } from '../queries';

/** What the views of a tag get. */
export interface ViewProps {
  place: TagPlace;
  right: Right;
  /** What clients pull, without a tag. */
  path: string;
  detail: TagDetail;
  /** The image for the chosen platform; nothing of an index whose images are not there. */
  content: ImageContent | null;
  platform: string | undefined;
}
