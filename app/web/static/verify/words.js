// What a proof has shown, in sentences of both languages: first what is proved, then what is not. The same as the server's.

const WHY = {
  en: {
    too_young: "no account is six months old and fewer than six months of bills were reported on time",
    nothing_reported: "nothing was reported in the last six months",
  },
  "zh-Hans": { too_young: "没有任何账户满六个月，按时缴费记录也不足六个月", nothing_reported: "最近六个月没有任何上报记录" },
};
const HIDDEN = {
  en: {
    history: "the list of events (history)",
    receipt: "the points per criterion (receipt)",
    file: "the accounts and records (file)",
    flags: "the warnings (flags)",
  },
  "zh-Hans": { history: "事件历史（history）", receipt: "各项得分（receipt）", file: "账户与记录（file）", flags: "提示标记（flags）" },
};
const UNITS = { en: ["second", "minute", "hour", "day"], "zh-Hans": ["秒", "分钟", "小时", "天"] };

/** The steps of each kind, as a refusal names them. */
const FORM = ["the form of the proof", "证明的格式"];
const HEAD = ["the ledger's signed head", "账本的签名头"];
const HEADS = ["the signed heads", "已签名的账本头"];
const STATE = ["the account in the block's state", "区块状态中的账户"];
const SCORE = ["the score", "信用分"];
const PLACES = ["the places in the log", "在日志中的位置"];
const WHOSE = ["whose file it is", "档案属于谁"];
const STEPS = {
  absent: [FORM, HEAD, ["the way to where the file would be", "通往档案应在位置的路径"], ["whose file it would be", "档案应属于谁"]],
  consistency: [FORM, HEADS, ["the way from the older to the newer", "由旧到新的路径"]],
  contradiction: [FORM, HEADS, ["the contradiction", "矛盾"]],
  erasure: [FORM, HEAD, ["the notice's place in the log", "公告在日志中的位置"]],
  event: [FORM, HEAD, ["the furnisher's key", "报送机构的密钥"], ["the furnisher's signature", "报送机构的签名"], PLACES, ["the citizen's file", "公民的档案"]],
  history: [FORM, HEAD, STATE, ["the events", "事件"], SCORE, WHOSE],
  overdue: [FORM, HEAD, ["the bureau's key", "征信机构的密钥"], ["the receipt", "回执"]],
  range: [
    FORM, HEAD, ["the bureau's signature", "征信机构的签名"], PLACES, ["for whom and when", "出示对象与时间"],
    ["the score's range", "信用分的范围"], ["the holder's signature", "持有人的签名"], ["whose score it is", "信用分属于谁"],
  ],
  score: [FORM, HEAD, STATE, SCORE, WHOSE, ["how old it is", "时效"]],
};

/** `step 3, the account in the block's state`; empty for step 0. */
export function stepName({ step, kind = "score" }, language) {
  if (!step) return "";
  const zh = language === "zh-Hans";
  const name = STEPS[kind][step - 1][zh ? 1 : 0];
  return zh ? `第 ${step} 步，${name}` : `step ${step}, ${name}`;
}

/**
 * { proved, notProved }, in `en` or `zh-Hans`. `names` has the words of the card's measures for this language; what it does not
 * have keeps its name.
 */
export function sentences(found, language, names = {}) {
  const zh = language === "zh-Hans";
  const said = { proved: [], notProved: [] };
  const proves = (en, chinese) => said.proved.push(zh ? chinese : en);
  const provesNot = (en, chinese) => said.notProved.push(zh ? chinese : en);
  SAY[found.kind]({ found, language, zh, names, proves, provesNot });
  return said;
}

const SAY = { score: sayScore, history: sayHistory, absent: sayAbsent, event: sayEvent, erasure: sayErasure, consistency: sayConsistency, contradiction: sayContradiction, overdue: sayOverdue, range: sayRange };

function sayScore({ found, language, zh, names, proves, provesNot }) {
  const { score, receipt, origin, block, day, cosigned } = found;
  const made = moment(found.blockTimeS);
  const why = (score.insufficient ?? []).map((reason) => WHY[language][reason]).join(zh ? "、" : " and ");
  const what = score.score
    ? [`gives this file the score ${score.score} for the day ${day}, on the scale from 300 to 850`, `该档案在 ${day} 的信用分为 ${score.score} 分（范围 300 至 850 分）`]
    : [`gives this file no score for the day ${day}: insufficient history, because ${why}`, `该档案在 ${day} 历史不足，没有信用分，原因是：${why}`];
  proves(
    `Proved: block ${block} of the ledger ${origin}, made on ${at(made)}, ${what[0]}.`,
    `已证明：根据账本 ${origin} 的第 ${block} 号区块（生成于 ${made}），${what[1]}。`,
  );
  proves(
    `It was worked out on ${score.asOf}. If nothing new is reported, it stands through ${dayBefore(score.until)}.`,
    `该结果计算于 ${score.asOf}；若无新的上报，有效至 ${dayBefore(score.until)}（含当日）。`,
  );
  if (score.disputed) {
    const items = score.disputed === 1 ? "1 item is" : `${score.disputed} items are`;
    proves(`${items} in dispute and cannot lower it.`, `有 ${score.disputed} 项记录处于异议中，不作不利计算。`);
  }
  if (receipt && score.score) {
    const count = receipt.criteria.length;
    proves(
      `The base of ${receipt.base} and the points of ${count} criteria add up to exactly this score.`,
      `基础分 ${receipt.base} 与 ${count} 项指标得分之和恰好等于该信用分。`,
    );
    const lost = receipt.reasons.map((name) => criterion(name, names, zh)).join(zh ? "、" : ", ");
    if (lost) proves(`Most points were lost on: ${lost}.`, `失分最多的指标：${lost}。`);
  }
  proves(
    `The ledger's key has signed its head of ${thousands(found.size)} entries, and that block is the last one.`,
    `账本密钥签署了含 ${thousands(found.size)} 个条目的账本头，上述区块是其中最后一个条目。`,
  );
  if (cosigned.length) {
    const enough = found.quorumRequired ? ["which the policy accepts", "符合信任策略的要求"] : ["though the policy asks for none", "尽管信任策略并未要求见证"];
    proves(`Witnesses have cosigned that head, ${enough[0]}: ${witnesses(cosigned, zh)}.`, `见证方已联署该账本头，${enough[1]}：${witnesses(cosigned, zh)}。`);
  }
  if (found.identityChecked) {
    proves(
      "The file belongs to the identifier that was given, and that identifier has no other file here.",
      "该档案属于所给出的身份标识，并且该标识在此账本中没有其他档案。",
    );
  } else {
    provesNot("Not proved: whose file this is. No identifier was given, so the citizen was not checked.", "未证明：这是谁的档案。没有给出身份标识，因此未核对本人身份。");
  }
  const [age, allowed] = ages(found, language);
  proves(
    `Judged as of ${at(moment(found.atS))}: the block is ${age} old, up to ${allowed} is allowed.`,
    `以 ${moment(found.atS)} 为准：区块距今 ${age}，最长允许 ${allowed}。`,
  );
  if (!cosigned.length) {
    provesNot(
      "Not proved: that everybody is shown the same ledger. The policy asks for no witnesses, so nothing protects against a split view.",
      "未证明：所有人看到的是同一个账本。信任策略不要求见证方，因此无法防范账本分叉（对不同的人出示不同的账本）。",
    );
  }
  provesNot(
    "Not proved: that the score follows from the reported events. The bureau is bound to its answer; an audit shows whether it is right.",
    "未证明：信用分确由所上报的事件得出。征信机构受其答复约束，其正确与否须经审计确认。",
  );
  if (found.hidden.length) {
    const hidden = found.hidden.map((name) => HIDDEN[language][name]).join(zh ? "、" : ", ");
    provesNot(`Not shown, and so not proved: ${hidden}.`, `未出示，因此未证明：${hidden}。`);
  }
  provesNot(`Not proved: anything about events admitted after that block (${at(made)}).`, `未证明：该区块（${made}）之后受理的任何事件。`);
}

function sayHistory(words) {
  const { found, proves, provesNot } = words;
  const [count, opaque] = [thousands(found.events), thousands(found.opaque)];
  proves(
    `These are all ${count} events of this citizen up to that block, in the order of the log; none was left out.`,
    `这是该公民截至该区块的全部 ${count} 个事件，按账本顺序排列，无一遗漏。`,
  );
  if (found.signed) {
    proves(
      `${thousands(found.signed)} of them were signed by a passkey registered for this citizen; the bureau cannot invent these.`,
      `其中 ${thousands(found.signed)} 个事件由为该公民登记的通行密钥签署，征信机构无法伪造。`,
    );
  }
  const outcome = found.score.score ?? found.score.insufficient.join(", ");
  provesNot(
    `Not proved: that the score (${outcome}) follows from these events. Give the scorecard (--card) to have it worked out.`,
    `未证明：信用分（${outcome}）确由这些事件得出。提供评分卡（--card）即可重新计算。`,
  );
  if (found.opaque) {
    provesNot(
      `Not shown: ${opaque} of the events, whose plaintext was destroyed; they take no part in the score any more.`,
      `未出示：其中 ${opaque} 个事件的明文已销毁，它们不再参与评分。`,
    );
  }
  sayIdentity(words);
  sayHead(words);
}

function sayAbsent(words) {
  const { found, proves, provesNot } = words;
  proves(
    `There is no file under this key on ${found.day}: the ledger's state has an empty place where it would be.`,
    `在 ${found.day}，该密钥下没有档案：账本状态中它应在的位置是空的。`,
  );
  sayIdentity(words);
  sayHead(words);
  provesNot("Not proved: anything about events admitted after that block.", "未证明：该区块之后受理的任何事件。");
}

function sayEvent(words) {
  const { found, proves, provesNot } = words;
  const { furnisher, type, eventDay } = found;
  proves(
    `${furnisher} has signed an event of type ${type} for ${eventDay}, with a key that was registered and valid.`,
    `${furnisher} 以已登记的有效密钥签署了 ${eventDay} 的一个 ${type} 事件。`,
  );
  const index = thousands(found.index);
  proves(`The event is in the ledger at log index ${index}, right where its batch stands.`, `该事件位于账本第 ${index} 号条目，即其批次所在之处。`);
  sayHead(words);
  provesNot(
    "Not proved: that the event still counts. A later correction, retraction or dispute may have changed what it means.",
    "未证明：该事件仍然有效。之后的更正、撤回或异议可能已改变其效力。",
  );
  provesNot("Not proved: that what the furnisher reported is true.", "未证明：报送机构所报内容属实。");
  if (found.signed) {
    provesNot(
      "Not proved: that the passkey which signed it is the citizen's. The whole history shows that.",
      "未证明：签署该事件的通行密钥属于该公民。完整事件历史可以证明这一点。",
    );
  }
  if (found.fileSize === undefined) {
    provesNot("Not shown, and so not proved: that the event is in the file of the citizen whom it names.", "未出示，因此未证明：该事件在其所指公民的档案中。");
    return;
  }
  const [position, size] = [thousands(found.filePosition + 1), thousands(found.fileSize)];
  proves(
    `It is number ${position} of the ${size} events in the file of the citizen whom it names, who has no other file here.`,
    `它是其所指公民档案中 ${size} 个事件的第 ${position} 个，该公民在此没有其他档案。`,
  );
}

function sayOverdue(words) {
  const { found, proves, provesNot } = words;
  const { service, batch } = found;
  const [count, given, end, size] = [thousands(found.count), moment(found.admittedS), moment(found.byS), thousands(found.size)];
  proves(
    `${service} has signed that a batch of ${count} events was admitted on ${given}, and will be in a block by ${end}. The batch is ${batch}.`,
    `${service} 签署确认：一个含 ${count} 个事件的批次于 ${given} 受理，并将在 ${end} 之前进入区块。该批次为 ${batch}。`,
  );
  proves(
    `At this block that time is over: unless the batch is among the ${size} entries, the bureau has broken its word.`,
    `到此区块时该期限已过：除非该批次在这 ${size} 个条目之中，否则征信机构违背了承诺。`,
  );
  sayHead(words);
  provesNot(
    `Not proved: that the batch is missing. The entries are public: whoever reads them sees whether one is 02${batch}.`,
    `未证明：该批次确实缺失。条目是公开的：任何人读取后都能看到其中是否有 02${batch}。`,
  );
}

function sayErasure(words) {
  const { found, proves, provesNot } = words;
  const [when, index, count] = [`${moment(found.noticeTimeS)}`, thousands(found.index), thousands(found.entries)];
  proves(
    `On ${when} the bureau announced in its ledger, at log index ${index}, that it destroys the plaintext of ${count} entries (${found.reason}).`,
    `${when}，征信机构在账本第 ${index} 号条目公告销毁 ${count} 个条目的明文（${found.reason}）。`,
  );
  sayHead(words);
  provesNot(
    "Not proved: that nobody kept a copy. The furnisher may still hold its own, and the commitments stay in the ledger.",
    "未证明：无人保留副本。报送机构可能仍保存自己的数据，账本中的承诺值也继续存在。",
  );
}

function sayRange(words) {
  const { found, proves, provesNot } = words;
  const { atLeast, atMost, scoredDay, audience, credential } = found;
  const [low, high] = [[`at least ${atLeast}`, `不低于 ${atLeast} 分`], [`at most ${atMost}`, `不高于 ${atMost} 分`]];
  const said = atMost === undefined ? low : atLeast === undefined ? high : [`${low[0]} and ${high[0]}`, `${low[1]}且${high[1]}`];
  proves(
    `The score of this file on ${scoredDay} is ${said[0]}. The bureau has committed to it, and recorded that as entry ${thousands(found.index)} of its ledger.`,
    `该档案在 ${scoredDay} 的信用分${said[1]}。征信机构已对其作出承诺，并记入账本第 ${thousands(found.index)} 号条目。`,
  );
  const ends = moment(found.expiresS);
  proves(
    `It was shown to ${audience} by the holder of the key that the credential was given to; it ends on ${ends}.`,
    `由该凭证所绑定密钥的持有人向 ${audience} 出示；有效期至 ${ends}。`,
  );
  if (found.nonceChecked) {
    proves("It was made for the nonce that was given, so for this occasion.", "它是针对所给出的随机数制作的，即专为本次出示。");
  } else {
    provesNot(
      `Not proved: that it was not shown to ${audience} before. No nonce was given, so whoever takes it keeps the credential's id ${credential} until it ends, and takes it once.`,
      `未证明：此前未向 ${audience} 出示过。没有给出随机数，因此接收方应将凭证编号 ${credential} 保存至到期，且只接受一次。`,
    );
  }
  sayIdentity(words);
  sayHead(words);
  if (found.low !== 300 || found.high !== 850) {
    proves(
      `The credential itself also tells that the score is from ${found.low} to ${found.high}.`,
      `该凭证本身还表明信用分在 ${found.low} 至 ${found.high} 之间。`,
    );
  }
  provesNot("Not shown: the score itself, how far it is from the bound, or how it came about.", "未出示：信用分本身、与界限的差距以及计算过程。");
  provesNot(
    "Not proved: that the commitment is that of the score in the ledger. The bureau's signature says so; an auditor opens it and compares.",
    "未证明：该承诺对应账本中的信用分。这由征信机构签名保证，审计方会打开并核对。",
  );
  provesNot(`Not proved: that the score is still that on another day than ${scoredDay}.`, `未证明：信用分在 ${scoredDay} 以外的日期仍是如此。`);
}

function sayConsistency({ found, proves, provesNot }) {
  const [newer, older] = [thousands(found.newSize), thousands(found.oldSize)];
  proves(
    `The ledger ${found.origin} with ${newer} entries holds the one with ${older} entries, entry for entry: nothing was changed, removed or put in between.`,
    `含 ${newer} 个条目的账本 ${found.origin} 逐条包含了当时的 ${older} 个条目：没有任何更改、删除或插入。`,
  );
  provesNot("Not proved: when the heads were signed, and what the entries say.", "未证明：账本头的签署时间以及条目的内容。");
}

function sayContradiction({ found, proves, provesNot }) {
  proves(
    `The ledger ${found.origin} has signed two heads that cannot both be of one ledger that only grows: somebody was shown another history.`,
    `账本 ${found.origin} 签署了两个不可能同属一个只增不改的账本的账本头：有人看到的是另一份历史。`,
  );
  provesNot("Not proved: which of the two is the true one.", "未证明：两者之中哪一个属实。");
}

function sayIdentity({ found, proves, provesNot }) {
  if (found.identityChecked) {
    proves("The key is that of the identifier that was given; no other key can be its in this ledger.", "该密钥属于所给出的身份标识；在此账本中该标识不可能有其他密钥。");
  } else {
    provesNot("Not proved: whose file this is. No identifier was given, so only the key was checked.", "未证明：这是谁的档案。没有给出身份标识，因此只核对了密钥。");
  }
}

function sayHead({ found, language, zh, proves, provesNot }) {
  const [made, size, block] = [moment(found.blockTimeS), thousands(found.size), thousands(found.block)];
  proves(
    `This is block ${block} of the ledger ${found.origin}, made on ${made}; the ledger's key has signed its head of ${size} entries, and that block is the last one.`,
    `这是账本 ${found.origin} 的第 ${found.block} 个区块，生成于 ${made}；账本密钥签署了含 ${size} 个条目的账本头，该区块是其中最后一个条目。`,
  );
  const [age, allowed] = ages(found, language);
  proves(
    `Judged as of ${moment(found.atS)}: the block is ${age} old, up to ${allowed} is allowed.`,
    `以 ${moment(found.atS)} 为准：区块距今 ${age}，最长允许 ${allowed}。`,
  );
  if (found.cosigned.length) {
    const names = witnesses(found.cosigned, zh);
    proves(`Witnesses have cosigned that head: ${names}.`, `见证方已联署该账本头：${names}。`);
  } else {
    provesNot(
      "Not proved: that everybody is shown the same ledger. No witness has cosigned, so nothing protects against a split view.",
      "未证明：所有人看到的是同一个账本。没有见证方联署，因此无法防范账本分叉（对不同的人出示不同的账本）。",
    );
  }
}

const thousands = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, ",");
const moment = (seconds) => new Date(seconds * 1000).toISOString().replace("T", " ").slice(0, 19) + " UTC";
const at = (made) => made.replace(" ", " at ");
const dayBefore = (day) => new Date(Date.parse(`${day}T00:00:00Z`) - 86_400_000).toISOString().slice(0, 10);
const witnesses = (cosigned, zh) => cosigned.map((each) => each.name).join(zh ? "、" : ", ");
const lower = (words) => words.slice(0, 1).toLowerCase() + words.slice(1);

/** A criterion is of one measure, or of two, joined by `_by_`. */
function criterion(id, names, zh) {
  const measures = id.split("_by_").map((measure) => (Object.hasOwn(names, measure) ? names[measure] : null));
  if (measures.includes(null)) return lower(id);
  const [first, second] = measures;
  if (second === undefined) return lower(first);
  return zh ? `${first}（按${second}）` : lower(`${first}, by ${lower(second)}`);
}

const ages = (found, language) => [Math.max(found.atS - found.blockTimeS, 0), found.maxAgeS].map((seconds) => duration(seconds, language));

/** In the largest unit of which there are at least two, or exactly one. */
function duration(seconds, language) {
  const sizes = [1, 60, 3600, 86400];
  const unit = [3, 2, 1].find((each) => seconds >= 2 * sizes[each] || seconds === sizes[each]) ?? 0;
  const count = Math.floor(seconds / sizes[unit]);
  const name = UNITS[language][unit];
  return language === "en" && count !== 1 ? `${count} ${name}s` : `${count} ${name}`;
}
