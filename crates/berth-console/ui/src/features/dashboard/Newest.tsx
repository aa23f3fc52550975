import { Link } from '@tanstack/react-router';
import { shortDigest } from '../../app/format';
import { Moment } from '../../components/Moment';
import { Panel } from '../../components/Panel';
import type { Dashboard } from './DashboardPage';
import { dashboardTexts } from './texts';

/** What was pushed last, of each image the newest tag. */
export function Newest({ tags }: { tags: Dashboard['newest'] }) {
  const t = dashboardTexts.use();
  return (
    <Panel title={t.newest}>
      <ul className="rows">
        {tags.map((tag) => (
          <li key={`${tag.namespace}/${tag.repository}`}>
            <span className="rows-main">
              <Link className="row-link" to="/images/$org/$image" params={{ org: tag.namespace, image: tag.repository }}>
                {`${tag.namespace}/${tag.repository}`}
              </Link>
              <Link className="tag-chip mono" to="/images/$org/$image/tags/$tag" params={{ org: tag.namespace, image: tag.repository, tag: tag.tag }}>
                {tag.tag}
              </Link>
            </span>
            <span className="rows-note">
              {tag.user_name ? `${t.by(tag.user_name)} · ` : null}
              <code>{shortDigest(tag.digest)}</code>
              {' · '}
              <Moment time={tag.at} />
            </span>
          </li>
        ))}
      </ul>
    </Panel>
  );
}
