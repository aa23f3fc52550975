import type { Translated } from '../../app/texts';
import type { AgentWords } from './texts';

const zh: Translated<AgentWords> = {
  title: '节点代理',
  intro: '每个节点上的代理是该节点客户端的加速源。代理之间互相传输镜像层，镜像仓库的每个分片大约只需发送一次。',
  filter: '按标签、ID 或地址过滤',
  refresh: '刷新',
  add: '添加节点',
  figures: {
    title: '代理共享情况',
    connected: '已连接的代理',
    ofAccount: '属于当前账号',
    ofAll: (n) => `全部账号共 ${n} 个`,
    shown: (n) => `显示 ${n} 个`,
    peers: '来自其他节点',
    peersNote: '无需镜像仓库发送',
    registry: '来自镜像仓库',
    registryNote: '发送给代理',
    saved: '节省比例',
    savedNote: '占代理获取流量的比例',
    savedNone: '还没有通过代理拉取镜像',
    totalAll: '全部账号，历史累计',
    sources: '代理的流量来源',
  },
  columns: { agent: '地址与 ID', labels: '标签', blobs: '可提供的数据块', peers: '来自节点', registry: '来自镜像仓库', saved: '节省', user: '登录用户', seen: '最近联系' },
  byLabel: (label) => `显示标签为 ${label} 的代理`,
  first: (n) => `仅显示前 ${n} 个代理，可能还有更多。`,
  empty: '没有已连接的代理',
  emptyHelp: '使用当前账号登录信息运行的代理会在几秒内显示在这里。',
  begin: {
    title: '让节点共享镜像层',
    run: '在节点上运行代理。登录信息可以是当前账号的任意用户，代理用它上报已有内容并接收预热任务。',
    runWhat: '运行代理的命令',
    login: '登录信息，写入 /etc/berth-agent/login',
    loginWhat: '登录信息文件的内容',
    configure: '让节点上的客户端通过代理访问本仓库及其加速源：',
    configureWhat: '配置客户端的命令',
    more: 'docker、podman、CRI-O、标签、TLS 与限制请参阅 docs/how-to/agents.md，或运行',
  },
};

export default zh;
