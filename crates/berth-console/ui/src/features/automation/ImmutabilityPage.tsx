import { Page } from '../../components/Page';
import { ImmutabilityPanel } from '../immutability/ImmutabilityPanel';
import { RuleTable } from '../immutability/RuleTable';
import { Chooser } from './Chooser';
import { OfImage, OfOrganization } from './OfImage';
import { automationTexts } from './texts';

/** Which tags of organizations and images neither move nor go. */
export function ImmutabilityPage() {
  const t = automationTexts.use().immutability;
  return (
    <Page title={t.title} intro={t.intro}>
      <Chooser organizations>
        {({ org, image }) =>
          image === undefined ? (
            <OfOrganization org={org}>{(mayManage) => <RuleTable of={{ org }} mayManage={mayManage} />}</OfOrganization>
          ) : (
            <OfImage org={org} image={image} panel={ImmutabilityPanel} />
          )
        }
      </Chooser>
    </Page>
  );
}
