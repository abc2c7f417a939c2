import assert from "node:assert/strict"
import { test } from "node:test"
import { parse } from "../../static/js/markdown/parser.js"

const MARKS = { strong_open: "<b>", strong_close: "</b>", em_open: "<i>", em_close: "</i>", s_open: "<s>", s_close: "</s>" }
const marked = (text) => parse(text).tokens[1].children.map(({ type, content }) => MARKS[type] ?? content).join("")

// commonmark/commonmark-spec#650, anomalyco/opencode#38486
test("emphasis next to Chinese, Japanese and Korean needs no space", () => {
  const cases = {
    "**重要。**次": "<b>重要。</b>次",
    "含**「重点」**内容": "含<b>「重点」</b>内容",
    "**复现：**10": "<b>复现：</b>10",
    "**复现:**10": "<b>复现:</b>10",
    "**`code`**を": "<b>code</b>を",
    "は**[link]**です": "は<b>[link]</b>です",
    '**"강조"**는': '<b>"강조"</b>는',
    "**(중요)**합니다": "<b>(중요)</b>합니다",
    "约**50%**的": "约<b>50%</b>的",
    "*「斜体」*和~~「删除」~~了": "<i>「斜体」</i>和<s>「删除」</s>了",
    "𠮷**「a」**𠮷": "𠮷<b>「a」</b>𠮷",
    "葛\u{e0100}**「a」**b": "葛\u{e0100}<b>「a」</b>b",
    '**"สำคัญ"**ครับ': '<b>"สำคัญ"</b>ครับ',
    "***重要。***次": "<i><b>重要。</b></i>次",
    "**一。**二**三。**四": "<b>一。</b>二<b>三。</b>四",
  }
  for (const [text, expected] of Object.entries(cases)) assert.equal(marked(text), expected, text)
})

test("other text is emphasised as in CommonMark", () => {
  const cases = {
    '**"a"**b': '**"a"**b',
    "a**(b)**c": "a**(b)**c",
    "snake_case_name": "snake_case_name",
    "日_本_語": "日_本_語",
    "2 * 3 * 4": "2 * 3 * 4",
    "** a **": "** a **",
    "重要 ** 次 **": "重要 ** 次 **",
    "un*believ*able": "un<i>believ</i>able",
    "**Note:** x": "<b>Note:</b> x",
  }
  for (const [text, expected] of Object.entries(cases)) assert.equal(marked(text), expected, text)
})
