import { Page } from '../../components/Page';
import { RetentionPanel } from '../retention/RetentionPanel';
import { RetentionRules } from '../rules/OrganizationRules';
import { Chooser } from './Chooser';
import { OfImage, OfOrganization } from './OfImage';
import { automationTexts } from './texts';

/** How long organizations and images keep their tags. */
export function RetentionPage() {
  const t = automationTexts.use().retention;
  return (
    <Page title={t.title} intro={t.intro}>
      <Chooser organizations>
        {({ org, image }) =>
          image === undefined ? (
            <OfOrganization org={org}>{(mayManage) => <RetentionRules org={org} mayManage={mayManage} />}</OfOrganization>
          ) : (
            <OfImage org={org} image={image} panel={RetentionPanel} />
          )
        }
      </Chooser>
    </Page>
  );
}
