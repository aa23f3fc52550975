import type { Translated } from '../../app/texts';
import type { SearchWords } from './texts';

const zh: Translated<SearchWords> = {
  label: '搜索组织、镜像、版本和摘要',
  hint: '名称可输入任意部分，版本和摘要请从开头输入；输入“镜像:版本”可查找该镜像的版本',
  pages: '页面',
  organizations: '组织',
  images: '镜像',
  tags: '镜像版本',
  manifests: '清单',
  blobs: '镜像层和配置',
  tagCount: (n) => `${n} 个版本`,
  public: '公开',
  nothing: (text) => `在您可见的范围内，没有与“${text}”匹配的内容。`,
  searching: '搜索中…',
};

export default zh;
