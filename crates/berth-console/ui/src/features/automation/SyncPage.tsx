import { Page } from '../../components/Page';
import { SyncPanel } from '../sync/SyncPanel';
import { Chooser } from './Chooser';
import { OfImage } from './OfImage';
import { automationTexts } from './texts';

/** Where all images are sent. */
export function SyncPage() {
  const t = automationTexts.use().sync;
  return (
    <Page title={t.title} intro={t.intro}>
      <Chooser>{({ org, image = '' }) => <OfImage org={org} image={image} panel={SyncPanel} />}</Chooser>
    </Page>
  );
}
