import { Page } from '../../components/Page';
import { TriggersPanel } from '../triggers/TriggersPanel';
import { Chooser } from './Chooser';
import { DeadDeliveries } from './DeadDeliveries';
import { OfImage } from './OfImage';
import { automationTexts } from './texts';

/** The triggers of all images, and what could not be delivered. */
export function TriggersPage() {
  const t = automationTexts.use().triggers;
  return (
    <Page title={t.title} intro={t.intro}>
      <DeadDeliveries />
      <Chooser>{({ org, image = '' }) => <OfImage org={org} image={image} panel={TriggersPanel} />}</Chooser>
    </Page>
  );
}
