import type { Translated } from '../../app/texts';
import type { CenterWords } from './texts';

const zh: Translated<CenterWords> = {
  title: '镜像中心',
  intro: '本仓库的公开镜像，任何人都可以下载，无需登录。',
  search: '按名称或描述搜索',
  list: '公开镜像',
  category: '分类',
  anyCategory: '全部分类',
  architecture: '架构',
  anyArchitecture: '全部架构',
  column: { name: '镜像名称', description: '描述', platforms: '最新版本支持的架构', pulls: '下载次数', updated: '更新时间' },
  pullOf: (name) => ` ${name} 的下载指令`,
  noTags: '暂无镜像版本',
  categories: {
    app_server: '应用服务器',
    linux: 'Linux',
    framework_app: '框架与应用',
    database: '数据库',
    lang: '语言',
    other: '其他',
    windows: 'Windows',
    arm: 'Arm',
  },
  empty: { title: '暂无公开镜像', help: '拥有编辑权限的用户将镜像类型设为“公开”后，镜像会显示在这里。' },
  filtered: '没有符合条件的公开镜像',
  closed: { title: '登录后查看公开镜像', help: '本仓库的公开镜像仅对已登录的用户可见。', action: '登录' },
  hidden: { title: '登录后查看此镜像', help: '该镜像不是公开镜像，或不存在。' },
  facts: {
    tags: (n) => `${n} 个版本`,
    pulls: (n) => `下载 ${n} 次`,
    updated: '更新于',
    by: (account) => `来自 ${account}`,
  },
  pull: '下载镜像',
  pullHelp: '使用所选客户端下载最新版本。公开镜像无需登录即可下载。',
  about: '镜像描述',
  noDescription: '暂无描述。',
  tags: '镜像版本',
  tagList: (image) => `${image} 的镜像版本`,
  filterTags: '筛选镜像版本',
  tagColumn: { tag: '镜像版本', platforms: '平台', size: '大小', updated: '推送时间' },
  noTagsHelp: '推送镜像后，版本会显示在这里。',
  noTagFits: '没有符合筛选条件的镜像版本',
  open: '在我的镜像中打开',
};

export default zh;
