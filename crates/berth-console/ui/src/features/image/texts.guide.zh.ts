import type { Translated } from '../../app/texts';
import type { GuideWords } from './texts.guide';

const zh: Translated<GuideWords> = {
  login: { title: '1. 登录', help: '临时登录指令到期自动失效；长期登录指令在访问密钥有效期间一直有效。请在上传或下载镜像的机器上执行。' },
  tag: '镜像版本',
  tagHelp: '填写后，下方指令会自动使用该版本。',
  invalid: '最多 128 个字符，可包含字母、数字、“_”、“.”和“-”，不能以“.”或“-”开头。',
  client: '客户端',
  clients: { docker: 'Docker', podman: 'Podman', nerdctl: 'nerdctl', containerd: 'containerd', skopeo: 'skopeo' },
  push: { title: '2. 上传镜像', help: '先为本地镜像打上本仓库的标签，再上传。如果版本已存在，将改为指向新镜像。' },
  pull: { title: '3. 下载镜像', help: '登录后，拥有此镜像读取权限的用户即可下载。', open: '此镜像为公开镜像，无需登录即可下载。' },
  name: '打标签',
  pushIt: '上传',
  pullIt: '下载',
  copyIt: '复制',
  loginNote: 'containerd 不保存登录信息，每条指令都需要携带。请在上方生成登录指令，或将 <user>:<password> 替换为用户名和密钥。',
  readOnly: '您可以下载此镜像，上传需要编辑权限。',
};

export default zh;
